"""What no client sends by accident gets an answer of its own, never a 500."""

import pytest

from tests.server import Server

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("origin", ["http://[bad", "http://", "x"])
def test_an_origin_that_is_none_is_foreign(server: Server, origin: str) -> None:
    with server.http() as http:
        answer = http.get("/v1/models", headers={"origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_origin")


def test_a_body_that_is_nested_too_deeply_is_refused(server: Server) -> None:
    deep = '{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "timeout": ' + "[" * 100_000
    with server.http() as http:
        answer = http.post(CHAT, content=deep)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


def test_a_body_that_is_too_large_is_refused(server: Server) -> None:
    large = b" " * 40_000_000
    with server.http() as http:
        answer = http.post(CHAT, content=large)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert answer.headers["x-mlx-deadline-seconds"] == "900"
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["http_status"], row["error_code"]) == ("rejected", 413, "body_too_large")
    with server.api() as api:
        answer = api.put("/api/settings/timeouts", content=large)
    assert (answer.status_code, answer.json()["detail"]) == (413, "The body is too large.")
