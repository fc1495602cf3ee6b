"""A plain request as it stands in the log, less what each has of its own. Without Django, for benchmarks."""

from typing import Any

PLAIN: dict[str, Any] = {
    "endpoint": "/v1/chat/completions",
    "model": "tiny",
    "served_model": "tiny",
    "backend": "local",
    "rule": "",
    "fell_back": "",
    "api_key": "",
    "streamed": False,
    "status": "ok",
    "http_status": 200,
    "finish_reason": "stop",
    "error_code": "",
    "phase": "decode",
    "queue_ms": 1.0,
    "load_ms": 0.0,
    "prefill_ms": 9.0,
    "decode_ms": 90.0,
    "cloud_ms": 0.0,
    "total_ms": 100.0,
    "first_token_ms": 10.0,
    "prompt_tokens": 7,
    "cached_tokens": 0,
    "completion_tokens": 9,
    "deadline_seconds": 900.0,
    "deadline_source": "endpoint",
    "stop_latency_ms": None,
    "client_retries": 0,
    "ignored_wishes": "",
}
