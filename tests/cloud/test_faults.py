"""What becomes of a provider's failures: a true status, OpenAI's envelope, an error in the stream, and a log row."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.provider import KEY, WORDS, OpenAI, Provider, provider
from tests.server import Server
from tests.v1.asking import CHAT, LONG, SHORT, ask
from tests.v1.routed import change, plant, rule

OPENAI = pytest.mark.parametrize("planted_afar", ["openai"], indirect=True)
ANTHROPIC = pytest.mark.parametrize("planted_afar", ["anthropic"], indirect=True)
CLOUD: dict[str, Any] = {**LONG, "model": "gpt-9"}
CAUSES = ["error", "overload", "timeout"]
HERE: dict[str, Any] = {"provider": None, "target_model": "tiny", "causes": CAUSES}


def events(answer: httpx2.Response) -> list[str]:
    return [line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: ")]


def text(said: list[str]) -> str:
    pieces = [json.loads(event) for event in said if event != "[DONE]"]
    choices = [choice for piece in pieces for choice in piece.get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


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


class TestStreams:
    """A stream that breaks ends with an error in it, and never as a success."""

    @pytest.mark.parametrize("length_told", [True, False], ids=["chunked", "until it closes"])
    def test_one_that_is_cut(self, server: Server, afar: Provider, length_told: bool) -> None:
        afar.cut, afar.length_told = True, length_told
        self._ends_badly(server, afar, "provider_failed")

    @OPENAI
    @pytest.mark.parametrize("ending", [[], ["[DONE]"]], ids=["an end", "[DONE]"])
    def test_one_that_ends_without_a_reason(self, server: Server, afar: Provider, ending: list[str]) -> None:
        afar.events = [*_words(), *ending]
        self._ends_badly(server, afar, "provider_failed")

    @OPENAI
    def test_one_of_whose_choices_only_one_has_ended(self, server: Server, afar: Provider) -> None:
        def piece(index: int, reason: str | None) -> dict[str, Any]:
            return {"choices": [{"index": index, "delta": {"content": "x"}, "finish_reason": reason}]}

        afar.events = [*_words(), piece(1, None), piece(0, "stop"), "[DONE]"]
        self._ends_badly(server, afar, "provider_failed")

    @OPENAI
    def test_one_that_says_an_error(self, server: Server, afar: Provider) -> None:
        error = {"message": f"Lost it, {KEY}.", "type": "server_error", "code": "internal_error"}
        afar.events = [*_words(), {"error": error}, "[DONE]"]
        said = self._ends_badly(server, afar, "internal_error")
        assert said["message"] == "Provider Afar answered with 500: Lost it, [key]."
        assert said["provider_status"] == 500

    @ANTHROPIC
    def test_one_that_says_an_error_in_anthropics_terms(self, server: Server, afar: Provider) -> None:
        spoken = afar.spoken
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        afar.events = [*spoken.beginning({}), *(spoken.word(word) for word in WORDS), error]
        said = self._ends_badly(server, afar, "provider_failed")
        assert (said["type"], said["provider_status"]) == ("overloaded_error", 529)

    def test_one_that_says_something_else_than_json(self, server: Server, afar: Provider) -> None:
        spoken = afar.spoken
        afar.events = [*spoken.beginning({}), *(spoken.word(word) for word in WORDS), "{nonsense"]
        self._ends_badly(server, afar, "provider_failed")

    def test_one_that_stalls_until_the_deadline(self, server: Server, afar: Provider) -> None:
        afar.stall = True
        self._ends_badly(server, afar, "deadline_exceeded", "timeout", timeout=0.7)
        assert afar.left.wait(3)

    def test_one_that_goes_on_for_ever(self, server: Server, afar: Provider) -> None:
        afar.endless = True
        self._ends_badly(server, afar, "deadline_exceeded", "timeout", timeout=0.7)
        assert afar.left.wait(3)

    def _ends_badly(
        self, server: Server, afar: Provider, code: str, log_status: str = "error", **more: Any
    ) -> dict[str, Any]:
        rule(server, afar, "m", target_model="large", fallbacks=[HERE])  # of no use once something was said
        answer = ask(server, **{**CLOUD, "model": "m"}, stream=True, **more)
        assert answer.status_code == 200
        *said, last, done = events(answer)
        assert text(said).startswith("".join(WORDS))
        assert done == "[DONE]"
        error: dict[str, Any] = json.loads(last)["error"]
        assert (error["code"], error["partial"]) == (code, True)
        assert all('"finish_reason":"' not in event for event in said[: len(WORDS) + 1])
        row = server.logged(answer.headers["x-request-id"])
        assert (row["status"], row["error_code"], row["http_status"]) == (log_status, code, 200)
        assert row["fell_back"] == ""
        return error


def _logged_of(server: Server, model: str) -> list[dict[str, Any]]:
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        if rows := server.rows("SELECT request_id FROM settings_app_requestlog WHERE model = ?", model):
            return rows
        time.sleep(0.05)
    return []


def _words() -> list[Any]:
    return [OpenAI().piece({"content": word}) for word in WORDS]


@pytest.mark.parametrize("stream", [False, True])
def test_only_the_deadline_ends_a_silence(server: Server, afar: Provider, stream: bool) -> None:
    afar.silence = 30
    began = time.monotonic()
    answer = ask(server, **CLOUD, stream=stream, timeout=0.6)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert time.monotonic() - began == pytest.approx(0.6, abs=0.4)
    assert afar.left.wait(3)


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_in_a_silence_ends_it_at_the_provider(
    server: Server, afar: Provider, stream: bool
) -> None:
    afar.silence = 30
    name = f"leave-{afar.protocol}-{stream}"
    rule(server, afar, name)
    with server.http() as http, pytest.raises(httpx2.ReadTimeout):
        http.post(CHAT, json={**CLOUD, "model": name, "stream": stream}, timeout=0.4)
    assert afar.left.wait(5)
    ((request_id,),) = [row.values() for row in _logged_of(server, name)]
    row = server.logged(request_id)
    assert (row["status"], row["http_status"], row["phase"]) == ("client_closed", None, "cloud")


@OPENAI
def test_a_role_alone_is_no_first_token(server: Server, afar: Provider) -> None:
    """So a fallback on silence still serves."""
    afar.events = [OpenAI().piece({"role": "assistant", "content": "", "refusal": None})]
    afar.stall = True
    rule(server, afar, "m", fallbacks=[{**HERE, "causes": ["timeout"], "after_seconds": 0.4}])
    answer = ask(server, **{**SHORT, "model": "m"}, stream=True, timeout=20)
    assert server.logged(answer.headers["x-request-id"])["backend"] == "local"
    assert '"finish_reason":"length"' in answer.text


def test_what_the_provider_counted_is_what_is_logged(server: Server, afar: Provider) -> None:
    answer = ask(server, **CLOUD, stream=True, stream_options={"include_usage": True})
    *_, usage, _ = events(answer)
    assert (json.loads(usage)["usage"]["completion_tokens"], json.loads(usage)["choices"]) == (30, [])
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["completion_tokens"], row["finish_reason"]) == ("ok", 30, "stop")
    assert row["prompt_tokens"] == {"openai": 7, "anthropic": 9}[afar.protocol]


@OPENAI
def test_a_line_separator_in_a_text_is_no_end_of_a_line(server: Server, afar: Provider) -> None:
    raw = json.dumps(OpenAI().piece({"content": "a\u2028b\x85c"}), ensure_ascii=False)
    afar.events = [raw, OpenAI().piece({}, "stop"), "[DONE]"]
    answer = ask(server, **CLOUD, stream=True)
    assert json.loads(events(answer)[0])["choices"][0]["delta"]["content"] == "a\u2028b\x85c"


@OPENAI
def test_events_may_come_in_any_pieces_and_with_comments(server: Server, afar: Provider) -> None:
    first = json.dumps(OpenAI().piece({"content": "\N{SNOWMAN}"}), ensure_ascii=False).encode()
    last = json.dumps(OpenAI().piece({}, "stop")).encode()
    sent = (
        b": thinking\r\n\r\nid: 1\r\ndata:"
        + first
        + b"\r\n\r\n\n\nevent: x\ndata: "
        + last
        + b"\n\ndata: [DONE]"
    )
    afar.body = [bytes([byte]) for byte in sent]
    afar.headers = {"content-type": "Text/Event-Stream"}
    answer = ask(server, **CLOUD, stream=True)
    assert '"content":"☃"' in answer.text
    assert server.logged(answer.headers["x-request-id"])["status"] == "ok"


def test_a_connection_is_kept_between_requests(server: Server, afar: Provider) -> None:
    ask(server, **CLOUD)
    before = afar.connections
    for stream in (True, False, True, True):
        assert ask(server, **CLOUD, stream=stream).status_code == 200
    assert afar.connections == before


@OPENAI
def test_a_request_after_a_change_has_a_connection_of_its_own(server: Server, afar: Provider) -> None:
    ask(server, **CLOUD)
    before = afar.connections
    change(server, afar, api_key=f"{KEY}-new")
    try:
        assert ask(server, **CLOUD).status_code == 200
    finally:
        change(server, afar, api_key=KEY)
    assert afar.connections == before + 1
    assert [sent["authorization"] for sent in afar.asked] == [f"Bearer {KEY}", f"Bearer {KEY}-new"]


def test_a_change_ends_the_connections_that_nobody_uses(server: Server, afar: Provider) -> None:
    ask(server, **CLOUD)
    assert afar.ended < afar.connections
    change(server, afar, enabled=False)
    try:
        ends = time.monotonic() + 5
        while afar.ended < afar.connections and time.monotonic() < ends:
            time.sleep(0.02)
    finally:
        change(server, afar, enabled=True)
    assert afar.ended == afar.connections


@pytest.mark.parametrize("stream", [False, True])
def test_an_address_that_is_not_allowed_is_not_connected_to(
    server: Server, afar: Provider, stream: bool
) -> None:
    """Neither is one of a connection that was kept from when it was allowed."""
    assert ask(server, **CLOUD, stream=stream).status_code == 200
    before = afar.connections
    server.rows(
        "UPDATE settings_app_provider SET allow_private = 0"
    )  # which every door refuses with this URL
    try:
        answer = ask(server, **CLOUD, stream=stream)
        rule(server, afar, "m", fallbacks=[{**HERE, "causes": ["error"]}])
        assert ask(server, **{**SHORT, "model": "m"}).headers["x-mlx-backend"] == "local"
    finally:
        server.rows("UPDATE settings_app_provider SET allow_private = 1")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (503, "provider_address_refused")
    assert "127.0.0.1 is a private address" in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["error_code"]) == ("error", "provider_address_refused")
    assert (afar.connections, len(afar.asked)) == (before, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: Server, afar: Provider, status: int) -> None:
    with provider() as elsewhere:
        afar.status, afar.headers = status, {"location": f"{elsewhere.url}/chat/completions?key={KEY}"}
        answer = ask(server, **CLOUD)
        assert (elsewhere.connections, elsewhere.asked) == (0, [])
    error = answer.json()["error"]
    assert (answer.status_code, error["provider_status"]) == (502, status)
    assert "points to http://127.0.0.1. Redirects are not followed" in error["message"]
    assert KEY not in answer.text


@OPENAI
def test_a_provider_that_cannot_be_reached_is_a_bad_gateway(server: Server, afar: Provider) -> None:
    with provider() as gone:
        pass
    nobody = plant(server, "https://nobody.invalid/v1", name="Nobody")
    rule(server, plant(server, gone.url, name="Gone"), "gone")
    rule(server, nobody, "unknown")
    rule(server, nobody, "m", fallbacks=[HERE])
    refused, unknown = (ask(server, **{**SHORT, "model": name}) for name in ("gone", "unknown"))
    assert ask(server, **{**SHORT, "model": "m"}).headers["x-mlx-backend"] == "local"
    assert refused.status_code == unknown.status_code == 502
    assert "connection refused" in refused.json()["error"]["message"]
    assert "nobody.invalid cannot be resolved" in unknown.json()["error"]["message"]


@OPENAI
def test_the_other_endpoints_are_passed_through(server: Server, afar: Provider) -> None:
    with server.openai() as client:
        made = client.embeddings.create(model="gpt-9", input="hi", encoding_format="float")
        completed = client.completions.create(model="gpt-9", prompt="hi")
    assert made.data[0].embedding == [0.5, 0.25]
    assert completed.choices[0].text == "".join(WORDS)
    assert [sent["path"] for sent in afar.asked] == ["/v1/embeddings", "/v1/completions"]
