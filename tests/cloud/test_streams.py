"""A provider's stream, however it comes and ends: one that breaks has an error in it, and is never taken for whole."""

import json
import time
from typing import Any

import httpx2
import pytest

from tests.cloud.asking import ANTHROPIC, CLOUD, HERE, OPENAI, events, text
from tests.protocols import WORDS, OpenAI
from tests.provider import KEY, Provider
from tests.server import Server
from tests.v1.asking import CHAT, SHORT, ask
from tests.v1.routed import rule
from tests.waiting import in_time


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
    assert in_time(time.monotonic() - began, 0.6)
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
