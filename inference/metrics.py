"""What Prometheus is told: counted from the rows of the request log, once each, whatever the ending.

Names and buckets are those of OpenTelemetry's conventions for generative AI, as Prometheus writes them. What a client
makes up is no label: names of models that are served or routed here, and of providers, else `other`.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from settings_app import stored
from settings_app.models import RequestLog
from settings_app.models.provider import LOCAL
from settings_app.snapshot import Snapshot

OTHER = "other"
MLX = "mlx"  # the provider of what this machine's models say
OPERATIONS = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "chat",
    "/v1/messages": "chat",
    "/v1/responses/input_tokens": "count_tokens",
    "/v1/messages/count_tokens": "count_tokens",
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
}
# The convention's, up to 82 s, and on like that to the longest deadline.
DURATIONS = [0.01 * 2**power for power in range(20)] + [7200.0]
FIRST_TOKEN = [
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
    30,
    60,
    300,
]
PER_TOKEN = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]
TOKENS = [float(4**power) for power in range(14)]
STOPS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

disable_created_metrics()  # type: ignore[no-untyped-call]  # twice as many series, for what nobody asks
registry = CollectorRegistry()

_WHICH = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")
_duration = Histogram(
    "gen_ai_server_request_duration_seconds",
    "From a request's arrival to its end. error_type: how it ended, if not well.",
    [*_WHICH, "error_type"],
    buckets=DURATIONS,
    registry=registry,
)
_first_token = Histogram(
    "gen_ai_server_time_to_first_token_seconds",
    "From a request's arrival to its first token, of those that ended well.",
    _WHICH,
    buckets=FIRST_TOKEN,
    registry=registry,
)
_per_token = Histogram(
    "gen_ai_server_time_per_output_token_seconds",
    "Per token after the first, of requests that ended well.",
    _WHICH,
    buckets=PER_TOKEN,
    registry=registry,
)
_tokens = Histogram(
    "gen_ai_client_token_usage",
    "Tokens read (input) and made (output), per request.",
    [*_WHICH, "gen_ai_token_type"],
    buckets=TOKENS,
    registry=registry,
)
_misses = Counter(
    "mlx_manager_deadline_misses",
    "Requests whose time was up, by the phase that they were in and by whose word the deadline was.",
    ["endpoint", "phase", "source"],
    registry=registry,
)
_stops = Histogram(
    "mlx_manager_stop_latency_seconds",
    "From a deadline, or a client's leaving, to the moment when the model had dropped the request.",
    ["gen_ai_response_model", "status"],
    buckets=STOPS,
    registry=registry,
)


def count(row: RequestLog) -> None:
    """A request has ended. Costs some 20 µs."""
    settings = stored.latest()
    names = _names(settings)
    which = (
        OPERATIONS.get(row.endpoint, OTHER),
        _provider(row.backend, settings),
        row.model if not row.model or row.model in names else OTHER,
        row.served_model if not row.served_model or row.served_model in names else OTHER,
    )
    well = row.status == RequestLog.Status.OK
    _duration.labels(*which, "" if well else row.status).observe(row.total_ms / 1000)
    if well and row.first_token_ms is not None:
        _first_token.labels(*which).observe(row.first_token_ms / 1000)
        if row.completion_tokens > 1:
            after = (row.total_ms - row.first_token_ms) / 1000
            _per_token.labels(*which).observe(after / (row.completion_tokens - 1))
    for kind, tokens in (("input", row.prompt_tokens), ("output", row.completion_tokens)):
        if tokens:
            _tokens.labels(*which, kind).observe(tokens)
    if row.status == RequestLog.Status.TIMEOUT:
        _misses.labels(row.endpoint, row.phase, row.deadline_source).inc()
    if row.stop_latency_ms is not None:
        _stops.labels(which[3], row.status).observe(row.stop_latency_ms / 1000)


def _provider(backend: str, settings: Snapshot) -> str:
    """Empty for a request that was refused before it was known who gets it."""
    if backend in ("", LOCAL):
        return MLX if backend else ""
    return backend if any(backend == provider.name for provider in settings.providers.values()) else OTHER


_known: tuple[object, object, frozenset[str]] | None = None


def _names(settings: Snapshot) -> frozenset[str]:
    """The models that are served here, and those that the operator's rules name. Made once for the same settings."""
    global _known
    known = _known
    if known is None or known[0] is not settings.models or known[1] is not settings.rules:
        names = frozenset([*settings.models, *_of_rules(settings)])
        known = _known = (settings.models, settings.rules, names)
    return known[2]


def _of_rules(settings: Snapshot) -> Iterable[str]:
    for rule in settings.rules:
        if rule.kind == "exact":
            yield rule.pattern
        targets = (rule.target_model, *(fallback.target_model for fallback in rule.fallbacks))
        yield from filter(None, targets)
