"""GET /metrics: what was counted since the start, and how things are now, for Prometheus."""

from collections import Counter
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from inference import metrics, running
from inference.front import from_this_machine
from inference.pool import pool
from inference.request_log import request_log
from settings_app import api_keys, pool_settings, serving
from settings_app.phases import Phase

OFF = "Metrics are switched off. Switch them on in Settings, Request Timeouts, More.\n"
NO_KEY = "From another machine an administrator's API key is needed: Authorization: Bearer …\n"


@require_safe
@never_cache
def scrape(request: HttpRequest) -> HttpResponse:
    """Open to this machine once it is switched on; to others with an administrator's key."""
    if not serving.current().serve_metrics:
        return HttpResponse(OFF, status=404, content_type="text/plain; charset=utf-8")
    if not from_this_machine(request) and not _is_admin(request):
        headers = {"www-authenticate": "Bearer"}
        return HttpResponse(NO_KEY, status=401, headers=headers, content_type="text/plain; charset=utf-8")
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return HttpResponse(encode(metrics.registry), content_type=content_type)


def _is_admin(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = api_keys.find(token.strip()) if scheme.lower() == "bearer" else None
    return key is not None and key.is_admin


class _Now(Collector):
    """How things are at the moment of the question."""

    def collect(self) -> Iterator[Metric]:
        states = pool.states()
        queue = GaugeMetricFamily(
            "mlx_manager_queue_length",
            "Requests that wait for the model, and those of their rows that it has not begun.",
            labels=["model"],
        )
        memory = GaugeMetricFamily(
            "mlx_manager_model_memory_bytes",
            "What the model holds of the memory limit, as its process measures it.",
            labels=["model"],
        )
        for state in states:
            queue.add_metric([state.name], state.queued)
            memory.add_metric([state.name], state.reserved_bytes)
        yield queue
        yield memory
        limit = pool_settings.limit_bytes(pool_settings.current())
        yield GaugeMetricFamily(
            "mlx_manager_memory_limit_bytes", "What all models may hold together.", value=limit
        )
        yield _running()
        yield CounterMetricFamily(
            "mlx_manager_log_rows_dropped", "Requests that the log is missing.", value=request_log.dropped
        )


def _running() -> GaugeMetricFamily:
    phases = pool.on_loop(_phases) if pool.is_open else Counter()
    found = GaugeMetricFamily(
        "mlx_manager_requests_running", "Requests that run now, by phase.", labels=["phase"]
    )
    for phase in Phase:
        found.add_metric([phase.value], phases[phase])
    return found


def _phases() -> Counter[Phase]:
    return Counter(call.phase for call in running.calls())


metrics.registry.register(_Now())
