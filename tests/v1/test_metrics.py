"""/metrics: what Prometheus reads is what happened, with labels that nobody can make up."""

import time
from collections.abc import Iterator

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from inference import metrics
from tests.log_row import log_row
from tests.server import Server
from tests.v1.asking import CHAT, LONG, SHORT, ask, streaming
from tests.v1.routed import planted, rule

SECRET = "Zq7wXv9KpL2mN4tR8sYb"
LOCAL = {"gen_ai_provider_name": "mlx", "gen_ai_request_model": "tiny", "gen_ai_response_model": "tiny"}


def switch(server: Server, on: bool) -> None:
    with server.api() as api:
        api.put("/api/settings/serving", json={"serve_metrics": on}).raise_for_status()


@pytest.fixture
def scraped(server: Server) -> Iterator[Server]:
    switch(server, True)
    yield server
    switch(server, False)


def text(server: Server, **headers: str) -> str:
    with server.http() as http:
        answer = http.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


class Change:
    """What was counted between its making and the question. A row is counted a moment after the last byte."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.before = text(server)

    def of(self, name: str, **labels: str) -> float:
        return _sum(text(self.server), name, labels) - _sum(self.before, name, labels)

    def until(self, wanted: float, name: str, **labels: str) -> None:
        ends = time.monotonic() + 5
        while (found := self.of(name, **labels)) != wanted:
            assert time.monotonic() < ends, (name, labels, found, text(self.server))
            time.sleep(0.05)


def _sum(said: str, name: str, labels: dict[str, str]) -> float:
    samples = [s for family in text_string_to_metric_families(said) for s in family.samples if s.name == name]
    return sum(s.value for s in samples if labels.items() <= s.labels.items())


def test_it_is_there_when_it_is_switched_on(server: Server) -> None:
    with server.http() as http:
        off = http.get("/metrics")
        assert (off.status_code, "switched off" in off.text) == (404, True)
        switch(server, True)
        assert http.get("/metrics").status_code == 200
        open_metrics = http.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
        assert open_metrics.text.endswith("# EOF\n")
        assert http.post("/metrics").status_code in (403, 405)
        switch(server, False)
        assert http.get("/metrics").status_code == 404


def test_another_machine_needs_an_administrators_key(scraped: Server) -> None:
    plain = scraped.manage("create_api_key", "no-admin").stdout.splitlines()[-1]
    away = {"x-forwarded-for": "192.0.2.7"}

    def status(http: httpx2.Client, token: str) -> int:
        headers = {**away, **({"authorization": f"Bearer {token}"} if token else {})}
        return http.get("/metrics", headers=headers).status_code

    with scraped.http() as http, scraped.api():
        assert [status(http, token) for token in ("", "mlx-wrong", plain, scraped.admin_key)] == [
            401,
            401,
            401,
            200,
        ]


def test_a_success_is_counted_with_its_times_and_tokens(scraped: Server) -> None:
    change = Change(scraped)
    usage = ask(scraped, **{**LONG, "max_tokens": 20}).json()["usage"]
    which = {**LOCAL, "gen_ai_operation_name": "chat"}
    change.until(1, "gen_ai_server_request_duration_seconds_count", **which, error_type="")
    assert change.of("gen_ai_server_time_to_first_token_seconds_count", **which) == 1
    assert change.of("gen_ai_server_time_per_output_token_seconds_count", **which) == 1
    tokens = "gen_ai_client_token_usage_sum"
    assert change.of(tokens, **which, gen_ai_token_type="input") == usage["prompt_tokens"]
    assert change.of(tokens, **which, gen_ai_token_type="output") == 20


def test_each_endpoint_is_an_operation_of_its_own(scraped: Server) -> None:
    change = Change(scraped)
    ask(scraped, "/v1/completions", model="tiny", prompt="hello", max_tokens=1)
    ask(scraped, "/v1/embeddings", model="tiny-embed", input="hello")
    for operation in ("text_completion", "embeddings"):
        change.until(
            1, "gen_ai_server_request_duration_seconds_count", gen_ai_operation_name=operation, error_type=""
        )


def test_a_miss_is_counted_by_endpoint_phase_and_source_and_its_stop_measured(scraped: Server) -> None:
    change = Change(scraped)
    row = scraped.logged(ask(scraped, **LONG, timeout=1.5).headers["x-request-id"])
    miss = {"endpoint": CHAT, "phase": row["phase"], "source": "client"}
    change.until(1, "mlx_manager_deadline_misses_total", **miss)
    assert change.of("gen_ai_server_request_duration_seconds_count", error_type="timeout") == 1
    assert change.of("mlx_manager_stop_latency_seconds_count", status="timeout") == 1
    assert change.of("gen_ai_server_time_to_first_token_seconds_count") == 0


def test_what_runs_waits_and_holds_memory_is_told(scraped: Server) -> None:
    idle = text(scraped)
    assert _sum(idle, "mlx_manager_requests_running", {}) == 0
    with streaming(scraped, 2):
        said = text(scraped)
    assert _sum(said, "mlx_manager_requests_running", {"phase": "decode"}) == 2
    held, limit = "mlx_manager_model_memory_bytes", "mlx_manager_memory_limit_bytes"
    assert 0 < _sum(said, held, {"model": "tiny"}) < _sum(said, limit, {})
    assert _sum(said, "mlx_manager_queue_length", {"model": "tiny"}) == 0
    assert "mlx_manager_log_rows_dropped_total 0.0" in said


def test_a_provider_is_named_and_what_a_client_makes_up_is_not(scraped: Server) -> None:
    change = Change(scraped)
    count = "gen_ai_server_request_duration_seconds_count"
    with planted(scraped) as provider:
        with scraped.api() as api:
            any_name = {"pattern": "afar-", "kind": "prefix", "provider": provider.id}
            api.post("/api/settings/rules", json=any_name).raise_for_status()
        ask(scraped, **{**SHORT, "model": "afar-nobody-knows"})
        change.until(1, count, gen_ai_provider_name="Afar", gen_ai_request_model="other", error_type="")
        rule(scraped, provider, "known", target_model="large")
        ask(scraped, **{**SHORT, "model": "known"})
        change.until(1, count, gen_ai_request_model="known", gen_ai_response_model="large")
    for number in range(5):
        ask(scraped, **{**SHORT, "model": f"made-up-{number}"})
    change.until(5, count, gen_ai_request_model="other", error_type="rejected")
    assert "made-up" not in text(scraped)
    assert "nobody-knows" not in text(scraped)


def test_a_secret_is_in_no_metric(scraped: Server) -> None:
    """In the prompt, and so in what the model may say; in headers, the key, and names that are made up."""
    change = Change(scraped)
    name = scraped.manage("create_api_key", "planted").stdout.splitlines()[-1]
    headers = {"authorization": f"Bearer {name}", "x-request-timeout": SECRET, "user-agent": SECRET}
    messages = [{"role": "user", "content": f"say {SECRET}"}]
    with scraped.http(headers=headers) as http:
        for body in ({"model": "tiny"}, {"model": SECRET}, {"model": "tiny", SECRET: 1}):
            http.post(CHAT, json={"messages": messages, "max_tokens": 2, **body})
        http.post(f"/v1/{SECRET}", json={})
        http.get(f"/metrics?{SECRET}")
    change.until(3, "gen_ai_server_request_duration_seconds_count")
    said = text(scraped)
    assert SECRET not in said
    assert name[4:] not in said


def test_counting_a_request_costs_microseconds() -> None:
    row = log_row(decode_ms=1000, first_token_ms=10, completion_tokens=50, prompt_tokens=9, stop_latency_ms=3)
    metrics.count(row)
    begun = time.thread_time()
    for _ in range(2000):
        metrics.count(row)
    each = (time.thread_time() - begun) / 2000
    print(f"{each * 1e6:.1f} µs")
    assert each < 200e-6
