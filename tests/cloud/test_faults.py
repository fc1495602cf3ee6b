"""What becomes of a provider's failures: a true status, OpenAI's envelope, and a log row."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.cloud.asking import CAUSES, CLOUD, HERE, OPENAI
from tests.provider import KEY, Provider
from tests.server import Server
from tests.v1.asking import SHORT, ask
from tests.v1.routed import rule


@OPENAI
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "seen", "kind", "log_status"),
    [
        (400, 400, "invalid_request_error", "rejected"),
        (404, 404, "invalid_request_error", "error"),
        (408, 504, "timeout_error", "error"),
        (413, 413, "invalid_request_error", "rejected"),
        (422, 422, "invalid_request_error", "rejected"),
        (429, 429, "rate_limit_error", "error"),
        (500, 500, "server_error", "error"),
        (503, 503, "overloaded_error", "error"),
        (504, 504, "timeout_error", "error"),
        (529, 529, "overloaded_error", "error"),
    ],
)
def test_a_providers_status_is_kept(
    server: Server, afar: Provider, status: int, seen: int, kind: str, log_status: str, stream: bool
) -> None:
    afar.status = status
    afar.body = [b'{"error": {"message": "It is so.", "param": "messages"}}']
    afar.headers = {"retry-after": "7", "x-should-retry": "false", "x-other": "no"}
    answer = ask(server, **CLOUD, stream=stream)
    assert answer.status_code == seen
    assert answer.json()["error"] == {
        "message": f"Provider Afar answered with {status}: It is so.",
        "type": kind,
        "code": "provider_failed",
        "param": "messages",
        "provider": "Afar",
        "provider_status": status,
    }
    assert (answer.headers["retry-after"], answer.headers["x-should-retry"]) == ("7", "false")
    assert "x-other" not in answer.headers
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["http_status"], row["backend"]) == (log_status, seen, "Afar")


@OPENAI
@pytest.mark.parametrize(
    ("body", "message", "kind", "code"),
    [
        (
            '{"error": {"message": "Too long.", "type": "invalid_request_error", "code": "context_length_exceeded"}}',
            "Too long.",
            "invalid_request_error",
            "context_length_exceeded",
        ),
        ('{"type": "error", "error": {"type": "a_b", "message": "Hm."}}', "Hm.", "a_b", "provider_failed"),
        ('{"error": "model is busy"}', "model is busy", "invalid_request_error", "provider_failed"),
        ('{"object": "error", "message": "m", "type": "t", "code": 1500}', "m", "t", "1500"),
        ('{"detail": "Not so."}', "Not so.", "invalid_request_error", "provider_failed"),
        ('[{"error": {"message": "listed"}}]', "listed", "invalid_request_error", "provider_failed"),
        ("<html><h1>Bad</h1></html>", "", "invalid_request_error", "provider_failed"),
        ('{"error": {"message": {"a": 1}, "code": ["x"]}}', "", "invalid_request_error", "provider_failed"),
        ("[" * 5000, "", "invalid_request_error", "provider_failed"),
        (f'{{"error": {{"message": "your key {KEY} is odd"}}}}', "your key [key] is odd", "", ""),
        (f'{{"error": {{"message": "{"x" * 9000}"}}}}', "x" * 1999 + "…", "", ""),
        ('{"error": {"message": "two\\nlines\\u0000"}}', "two lines", "", ""),
    ],
)
def test_the_words_of_any_provider_are_found(
    server: Server, afar: Provider, body: str, message: str, kind: str, code: str
) -> None:
    afar.status, afar.body = 400, [body.encode()]
    answer = ask(server, **CLOUD)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["message"] == f"Provider Afar answered with 400{': ' if message else '.'}{message}"
    assert not kind or (error["type"], error["code"]) == (kind, code)
    assert KEY not in answer.text + "\n".join(server.lines)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_key_that_the_provider_refuses_is_not_the_clients(
    server: Server, afar: Provider, status: int
) -> None:
    afar.status = status
    with server.openai() as client, pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "hi"}])
    error: Any = raised.value
    assert (error.status_code, error.code) == (502, "provider_auth_failed")
    assert f"({status}). The key of this request has no part in it" in error.message
    assert len(afar.asked) == 1  # it is told not to try again
    assert server.logged(error.request_id)["error_code"] == "provider_auth_failed"


@OPENAI
@pytest.mark.parametrize("status", [408, 504, 524])
def test_a_timeout_of_the_provider_is_not_tried_again(server: Server, afar: Provider, status: int) -> None:
    afar.status = status
    with server.openai() as client, pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "hi"}])
    assert len(afar.asked) == 1


@OPENAI
@pytest.mark.parametrize(
    ("status", "cause"),
    [
        *((status, "error") for status in (401, 402, 403, 404, 405, 409, 500, 502, 307)),
        *((status, "overload") for status in (429, 503, 529)),
        *((status, "timeout") for status in (408, 504, 524)),
    ],
)
def test_each_failure_has_one_cause(server: Server, afar: Provider, status: int, cause: str) -> None:
    afar.status = status
    rule(server, afar, "one", fallbacks=[{**HERE, "causes": [cause]}])
    rule(
        server,
        afar,
        "others",
        fallbacks=[{**HERE, "causes": [other for other in CAUSES if other != cause]}],
    )
    assert ask(server, **{**SHORT, "model": "one"}).headers["x-mlx-backend"] == "local"
    assert ask(server, **{**SHORT, "model": "others"}).status_code >= 400


@OPENAI
@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_the_client_did_wrong_is_told_to_it_and_no_other_target_is_asked(
    server: Server, afar: Provider, status: int
) -> None:
    afar.status = status
    rule(server, afar, "m", fallbacks=[HERE])
    assert ask(server, **{**SHORT, "model": "m"}).status_code == status


GARBAGE = [
    b"<html>hello</html>",
    b"",
    b'{"choices": [{"mess',
    b"[1, 2]",
    b"[" * 100_000,
    b'{"choices": [7]}',
    b'{"choices": []}',
    b'{"hello": "world"}',
    b'{"choices": [{"delta": {}}], "usage": {"prompt_tokens": -5}}',
    b'{"choices": [{"delta": {}}], "usage": {"prompt_tokens": 99999999999}}',
    b'\xff\xfe{"choices": []}',
]


@pytest.mark.parametrize("stream", [False, True])
def test_garbage_is_a_bad_gateway(server: Server, afar: Provider, stream: bool) -> None:
    """Whole, and as an event of a stream."""
    afar.headers = {"content-type": "text/event-stream"} if stream else {}
    for garbage in GARBAGE:
        afar.body = [b"data: " + garbage + b"\n\n"] if stream else [garbage]
        answer = ask(server, **CLOUD, stream=stream)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_failed"), garbage[:60]
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["http_status"], row["error_code"]) == ("error", 502, "provider_failed")


@pytest.mark.parametrize("kind", ["text/html", "application/json", ""])
def test_a_stream_that_is_none_is_a_bad_gateway(server: Server, afar: Provider, kind: str) -> None:
    afar.body, afar.headers = [b'data: {"choices": []}\n\n'], {"content-type": kind}
    answer = ask(server, **CLOUD, stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_failed")


def test_an_answer_that_is_compressed_unasked_is_a_bad_gateway(server: Server, afar: Provider) -> None:
    afar.headers = {"content-encoding": "gzip"}
    for stream in (False, True):
        answer = ask(server, **CLOUD, stream=stream)
        assert answer.status_code == 502
        assert "compressed" in answer.json()["error"]["message"]


def test_an_error_in_the_place_of_an_answer_has_its_status(server: Server, afar: Provider) -> None:
    afar.body = [b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}']
    for stream in (False, True):
        answer = ask(server, **CLOUD, stream=stream)
        assert (answer.status_code, answer.json()["error"]["type"]) == (529, "overloaded_error")
        assert answer.json()["error"]["message"] == "Provider Afar answered with 529: Overloaded"


@pytest.mark.parametrize(
    ("endless", "said"),
    [
        (b'{"a":"' + b"x" * 65536, "more than 128 MiB"),
        (b"x" * 65536, "more than 4 MiB"),
        (b"data: " + b"x" * 65536, "more than 4 MiB"),
        (b"data:\n" * 10000, "more than 4 MiB"),
        (b'data: {"choices": [], "type": "message_start"}\n\n' * 1000, "not a word of its answer"),
    ],
    ids=["whole", "a line", "an event", "empty lines", "empty events"],
)
def test_what_has_no_end_is_bounded(server: Server, afar: Provider, endless: bytes, said: str) -> None:
    """Whatever the deadline would allow."""

    def pieces() -> Iterator[bytes]:
        while True:
            yield endless

    afar.body = pieces()
    stream = "128" not in said
    afar.headers = {"content-type": "text/event-stream"} if stream else {}
    answer = ask(server, **CLOUD, stream=stream)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (502, "provider_failed")
    assert said in error["message"]
    assert afar.left.wait(5)


@OPENAI
def test_a_refusal_without_an_end_is_cut_short(server: Server, afar: Provider) -> None:
    def pieces() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    afar.status, afar.body = 500, pieces()
    answer = ask(server, **CLOUD)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        500,
        "Provider Afar answered with 500.",
    )
    assert afar.left.wait(5)
