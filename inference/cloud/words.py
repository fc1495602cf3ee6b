"""The words of providers that may stand in the log. Any other could be a piece of what was said to them, or by them."""

FINISH_REASONS = frozenset(
    {"stop", "length", "tool_calls", "function_call", "content_filter", "model_length", "eos", "error"}
)

ERROR_CODES = frozenset(
    {
        "account_deactivated",
        "api_error",
        "array_above_max_length",
        "authentication_error",
        "billing_error",
        "billing_hard_limit_reached",
        "billing_not_active",
        "content_filter",
        "content_policy_violation",
        "context_length_exceeded",
        "engine_overloaded",
        "insufficient_quota",
        "integer_above_max_value",
        "integer_below_min_value",
        "internal_error",
        "internal_server_error",
        "invalid_api_key",
        "invalid_image",
        "invalid_json",
        "invalid_prompt",
        "invalid_request_error",
        "invalid_type",
        "invalid_value",
        "json_validate_failed",
        "missing_required_parameter",
        "model_decommissioned",
        "model_not_found",
        "model_overloaded",
        "not_found_error",
        "overloaded",
        "overloaded_error",
        "permission_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "request_too_large",
        "requests",
        "server_error",
        "server_overloaded",
        "service_unavailable",
        "string_above_max_length",
        "timeout",
        "timeout_error",
        "tokens",
        "tool_use_failed",
        "unknown_parameter",
        "unsupported_country_region_territory",
        "unsupported_model",
        "unsupported_parameter",
        "unsupported_value",
    }
)


def log_code(code: str) -> str:
    """An error's code as the log has it; a status, as some say it, is one."""
    known = code in ERROR_CODES or (len(code) == 3 and code.isdecimal() and "400" <= code < "600")
    return code if known else "provider_failed"
