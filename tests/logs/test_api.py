"""GET /api/requests and its export: filters, pages, figures, and a file that spreadsheets and programs read back."""

import csv
import io
import json
from typing import Any

import httpx2
import pytest

from tests.server import Server
from tests.v1.asking import LONG, SHORT, ask
from tests.waiting import until

FIELDS = [
    "id",
    "at",
    "endpoint",
    "model",
    "served_model",
    "backend",
    "rule",
    "fell_back",
    "api_key",
    "streamed",
    "status",
    "http_status",
    "finish_reason",
    "error_code",
    "phase",
    "queue_ms",
    "load_ms",
    "prefill_ms",
    "decode_ms",
    "total_ms",
    "cloud_ms",
    "first_token_ms",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "deadline_seconds",
    "deadline_source",
    "stop_latency_ms",
    "client_retries",
    "ignored_wishes",
]


@pytest.fixture
def asked(server: Server) -> list[str]:
    """The ids of a few requests of this test's own: done, timed out, refused, with a key, embedded."""
    key = server.manage("create_api_key", "of-logs").stdout.splitlines()[-1]
    server.rows("DELETE FROM settings_app_requestlog")
    answers = [
        ask(server, **SHORT),
        ask(server, **LONG, timeout=0.3),
        ask(server, **{**SHORT, "model": "=HYPERLINK(1)"}),
        ask(server, "/v1/embeddings", model="tiny-embed", input="x"),
    ]
    with server.http(headers={"authorization": f"Bearer {key}"}) as http:
        answers.append(http.post("/v1/chat/completions", json=SHORT))
    ids = [answer.headers["x-request-id"] for answer in answers]
    for id in ids:
        server.logged(id)
    server.rows("DELETE FROM settings_app_apikey WHERE name = 'of-logs'")
    return ids


def found(api: httpx2.Client, **query: Any) -> list[str]:
    answer = api.get("/api/requests", params=query)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["requests"]]


def test_filters_figures_and_every_form_of_export(api: httpx2.Client, asked: list[str]) -> None:
    done, late, refused, embedded, keyed = asked
    assert found(api) == asked[::-1]
    (row,) = api.get("/api/requests", params={"text": late[6:20]}).json()["requests"]
    assert sorted(row) == sorted(FIELDS)
    assert (row["status"], row["error_code"], row["deadline_seconds"]) == (
        "timeout",
        "deadline_exceeded",
        0.3,
    )

    for query, ids in [
        ({"status": "timeout"}, [late]),
        ({"status": "rejected", "range": "1h"}, [refused]),
        ({"model": "tiny-embed"}, [embedded]),
        ({"endpoint": "/v1/embeddings"}, [embedded]),
        ({"backend": "local", "model": "tiny", "status": "ok"}, [keyed, done]),
        ({"api_key": "of-logs"}, [keyed]),
        ({"api_key": "(none)", "model": "tiny", "status": "ok"}, [done]),
        ({"text": done}, [done]),
        ({"text": done, "status": "timeout"}, []),
        ({"until": row["at"]}, [done]),
        ({"since": row["at"], "model": "tiny"}, [keyed, late]),
        ({"since": "2000-01-01", "until": "2000-01-02T10:00"}, []),
    ]:
        assert found(api, **query) == ids, query

    figures = api.get("/api/requests/figures", params={"model": "tiny"}).json()
    assert figures["by_status"] == {"ok": 2, "timeout": 1}
    assert (figures["count"], figures["is_all"]) == (3, True)
    assert figures["p50_ms"] <= figures["p95_ms"] == row["total_ms"]
    assert figures["tokens_per_second"] > 0

    query = {"endpoint": "/v1/chat/completions"}
    as_json = api.get("/api/requests/export", params={**query, "format": "json"}).json()
    assert [row["id"] for row in as_json] == [keyed, refused, late, done]
    assert sorted(as_json[0]) == sorted(FIELDS)
    lines = api.get("/api/requests/export", params={**query, "format": "jsonl"}).text.splitlines()
    assert [json.loads(line) for line in lines] == as_json
    answer = api.get("/api/requests/export", params={**query, "format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="requests-')
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in table] == [keyed, refused, late, done]
    assert (table[1]["model"], as_json[1]["model"]) == ("'=HYPERLINK(1)", "=HYPERLINK(1)")
    assert (table[0]["streamed"], table[0]["stop_latency_ms"], table[0]["at"]) == (
        "false",
        "",
        as_json[0]["at"],
    )


@pytest.mark.parametrize(
    ("query", "all_pass"),
    [
        ({"since": "0001-01-01T00:00:00+14:00"}, True),
        ({"until": "9999-12-31T23:59:59-14:00"}, True),
        ({"since": "9999-12-31T23:59:59-14:00"}, False),
        ({"until": "0001-01-01T00:00:00+14:00"}, False),
    ],
)
def test_a_time_at_the_edge_of_the_calendar_is_one(
    api: httpx2.Client, asked: list[str], query: dict[str, Any], all_pass: bool
) -> None:
    assert found(api, **query) == (asked[::-1] if all_pass else [])
    figures = api.get("/api/requests/figures", params=query).raise_for_status().json()
    assert figures["count"] == (len(asked) if all_pass else 0)


def test_pages_go_on_where_the_one_before_ended(api: httpx2.Client, asked: list[str]) -> None:
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = api.get("/api/requests", params={"limit": 2, "cursor": cursor}).json()
        assert len(page["requests"]) <= 2
        seen += [row["id"] for row in page["requests"]]
        cursor = page["next_cursor"]
    assert seen == asked[::-1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "fine"}, "status"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-02", "until": "2026-01-01"}, "until"),
        ({"range": "2h"}, "range"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "99999999999999999999999.1"}, "cursor"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"text": "x" * 41}, "text"),
        ({"modell": "tiny"}, "modell"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(
    api: httpx2.Client, query: dict[str, Any], field: str
) -> None:
    answer = api.get("/api/requests", params=query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"] == ["query", field]
    if field not in ("limit", "cursor"):
        refused = api.get("/api/requests/export", params={**query, "format": "csv"})
        assert refused.status_code == 422
    assert api.get("/api/requests/export", params={"format": "xml"}).status_code == 422


def test_strangers_read_nothing(server: Server) -> None:
    with server.http() as http:
        for path in ("", "/figures", "/export?format=csv"):
            assert http.get(f"/api/requests{path}").status_code == 401


def test_old_requests_go_when_the_days_are_changed(
    server: Server, api: httpx2.Client, asked: list[str]
) -> None:
    """Takes effect at once, on the server's own, in batches."""
    late, kept = asked[1], [*asked[:1], *asked[2:]]
    server.rows("UPDATE settings_app_requestlog SET at = '2020-01-01 00:00:00' WHERE request_id = ?", late)
    put = api.put("/api/settings/logs", json={"retention_days": 0})  # for ever
    assert put.json() == {"retention_days": 0}
    try:
        ids = found(api)
        assert ids == [*kept[::-1], late]
        api.put("/api/settings/logs", json={"retention_days": 7}).raise_for_status()
        until(lambda: found(api) == kept[::-1])
    finally:
        api.put("/api/settings/logs", json={"retention_days": 30}).raise_for_status()
