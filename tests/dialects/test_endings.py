"""Every ending of a request in another API's words: deadlines and failures are told as such, and all work stops."""

import json
import os
import signal
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.conftest import FLOOR, warm
from tests.dialects.saying import SAYS, called, claude, ended
from tests.protocols import OpenAI
from tests.provider import Provider
from tests.running.in_flight import Asking, cancel, one_in, running
from tests.server import Server, environment, manage, serving
from tests.v1.asking import ask
from tests.waiting import until

RESPONSES: tuple[str, dict[str, Any]] = ("/v1/responses", {"input": "tell me everything"})
MESSAGES: tuple[str, dict[str, Any]] = (
    "/v1/messages",
    {"max_tokens": 20_000, "messages": [{"role": "user", "content": "tell me everything"}]},
)
BOTH = pytest.mark.parametrize(("path", "asked"), [RESPONSES, MESSAGES], ids=["responses", "messages"])
WELL = {
    "response.completed",
    "response.incomplete",
    "response.output_item.done",
    "message_delta",
    "message_stop",
}
"""Events that say that all is well, or that a part of it is whole."""

Events = list[tuple[str, dict[str, Any]]]


def told(server: Server, path: str, **body: Any) -> tuple[httpx2.Response, Events]:
    """A stream's events by name. Each names its type once more inside."""
    answer = ask(server, path, stream=True, **{"model": "tiny", **body})
    return answer, list(_events(answer.text))


def _events(text: str) -> Events:
    found = []
    for block in text.strip().split("\n\n"):
        if block.startswith(":"):
            continue
        name, data = block.split("\n")
        said = json.loads(data.removeprefix("data: "))
        assert name == f"event: {said['type']}"
        found.append((said["type"], said))
    return found


@BOTH
def test_the_stored_chat_deadline_holds_for_a_whole_answer(
    server: Server, path: str, asked: dict[str, Any]
) -> None:
    server.set_timeouts(chat_seconds=1)
    answer = ask(server, path, model="tiny", **asked)
    error = answer.json()["error"]
    assert (answer.status_code, answer.headers["x-should-retry"]) == (504, "false")
    held = answer.headers["x-mlx-deadline-seconds"], answer.headers["x-mlx-deadline-source"]
    assert held == ("1", "endpoint")
    assert (error["type"], error["code"], error["phase"]) == ("timeout_error", "deadline_exceeded", "decode")
    assert f"1 s deadline for {path} during decode" in error["message"]
    row = server.logged(answer.headers["x-request-id"])
    assert (row["endpoint"], row["status"], row["http_status"]) == (path, "timeout", 504)
    assert server.rows_held() == 0


@BOTH
def test_in_a_stream_it_is_an_error_and_no_ending(server: Server, path: str, asked: dict[str, Any]) -> None:
    server.set_timeouts(chat_seconds=1)
    answer, events = told(server, path, **asked)
    names = [name for name, _ in events]
    assert (answer.status_code, names[-1]) == (200, "error")
    assert not WELL & set(names)
    error = events[-1][1]["error"]
    assert (error["type"], error["code"], error["partial"]) == ("timeout_error", "deadline_exceeded", True)
    grown = [name for name in names if name.endswith("delta")]
    assert error["usage"]["completion_tokens"] >= len(grown) > 1
    if path == "/v1/responses":
        failed = events[-2][1]["response"]
        assert (events[-2][0], failed["status"], failed["error"]["code"]) == (
            "response.failed",
            "failed",
            "deadline_exceeded",
        )
        assert [item["status"] for item in failed["output"]] == ["incomplete"]
    row = server.logged(answer.headers["x-request-id"])
    assert (row["endpoint"], row["status"], row["http_status"]) == (path, "timeout", 200)
    assert server.rows_held() == 0


def test_the_official_clients_see_a_failure_and_ask_once(server: Server) -> None:
    server.set_timeouts(chat_seconds=0.5)
    requests: list[httpx2.Request] = []
    watched = httpx2.Client(event_hooks={"request": [requests.append]})
    with server.openai(http_client=watched) as client:
        with pytest.raises(openai.InternalServerError) as failed:
            client.responses.create(model="tiny", **RESPONSES[1])
        assert (failed.value.status_code, len(requests)) == (504, 1)
        with pytest.raises(openai.APIError, match="deadline"):
            list(client.responses.create(model="tiny", **RESPONSES[1], stream=True))
        with pytest.raises(openai.APIError), client.responses.stream(model="tiny", **RESPONSES[1]) as stream:
            stream.get_final_response()
        assert len(requests) == 3
    requests.clear()
    watched = httpx2.Client(event_hooks={"request": [requests.append]})
    with claude(server, http_client=watched, max_retries=2) as client:
        with pytest.raises(anthropic.APIStatusError) as refused:
            client.messages.create(model="tiny", **MESSAGES[1])
        assert (refused.value.status_code, len(requests)) == (504, 1)
        with (
            pytest.raises(anthropic.APIStatusError, match="deadline"),
            client.messages.stream(model="tiny", **MESSAGES[1]) as stream,
        ):
            stream.get_final_message()
        assert len(requests) == 2


@BOTH
def test_who_wants_what_there_is_gets_it_as_an_ending(
    server: Server, path: str, asked: dict[str, Any]
) -> None:
    partial = {"model": "tiny", **asked, "on_deadline": "partial", "timeout": 1}
    whole = ask(server, path, **partial).json()
    _, events = told(server, path, **partial)
    if path == "/v1/responses":
        last = events[-1][1]["response"]
        assert events[-1][0] == "response.incomplete"
        for found in (whole, last):
            assert (found["status"], found["incomplete_details"]) == (
                "incomplete",
                {"reason": "max_output_tokens"},
            )
            assert found["output"][0]["content"][0]["text"]
            assert (found["mlx"]["deadline_exceeded"], found["mlx"]["source"]) == (True, "client")
    else:
        (name, last), (stop, _) = events[-2:]
        assert (name, stop) == ("message_delta", "message_stop")
        assert (whole["stop_reason"], last["delta"]["stop_reason"]) == ("max_tokens", "max_tokens")
        assert whole["content"][0]["text"]
        assert (whole["mlx"]["source"], last["mlx"]["deadline_exceeded"]) == ("client", True)


@BOTH
def test_a_client_that_leaves_frees_its_place(server: Server, path: str, asked: dict[str, Any]) -> None:
    body = {"model": "tiny", **asked}
    with server.http() as http, http.stream("POST", path, json={**body, "stream": True}) as answer:
        next(answer.iter_lines())
        id = answer.headers["x-request-id"]
    assert server.logged(id)["status"] == "client_closed"
    with server.http() as http, pytest.raises(httpx2.ReadTimeout):
        http.post(path, json=body, timeout=0.2)
    assert server.rows_held() == 0


@BOTH
def test_the_operator_sees_it_running_and_cancels_it(
    server: Server, path: str, asked: dict[str, Any]
) -> None:
    with server.api() as api:
        for stream in (False, True):
            asking = Asking(server, path, model="tiny", stream=stream, **asked)
            one = one_in(api, "decode")
            assert one["endpoint"] == path
            assert cancel(api, one["id"]).status_code == 200
            answer = asking.answer
            if stream:
                name, said = list(_events(answer.text))[-1]
                assert (name, answer.status_code) == ("error", 200)
            else:
                said = answer.json()
                assert answer.status_code == 410
            assert said["error"]["code"] == "cancelled"
            assert server.logged(one["id"])["status"] == "cancelled"


@BOTH
def test_the_log_is_filtered_by_path(server: Server, path: str, asked: dict[str, Any]) -> None:
    limit = {"max_output_tokens": 1} if path == "/v1/responses" else {"max_tokens": 1}
    id = ask(server, path, model="tiny", **{**asked, **limit}).headers["x-request-id"]
    server.logged(id)
    with server.api() as api:
        found = api.get("/api/requests", params={"endpoint": path, "text": id}).json()
        other = api.get("/api/requests", params={"endpoint": "/v1/chat/completions", "text": id}).json()
    assert [row["id"] for row in found["requests"]] == [id]
    assert other["requests"] == []


@BOTH
@pytest.mark.parametrize("fault", ["stall", "cut", "no chat", "mixed"])
def test_what_goes_wrong_at_a_provider_is_no_ending(
    server: Server, afar: Provider, path: str, asked: dict[str, Any], fault: str
) -> None:
    if fault in ("stall", "cut"):
        setattr(afar, fault, True)
    elif fault == "no chat":
        afar.events = [*SAYS, OpenAI().piece({"content": ["a"]}), *ended("stop")]
    else:
        late = called(0, "weather", "}")[1]
        afar.events = [*called(0, "weather", "{"), *called(1, "clock", "{}"), late, *ended("tool_calls")]
    answer, events = told(server, path, **{**asked, "model": "gpt-9", "timeout": 1})
    names = [name for name, _ in events]
    assert names[-1] == "error"
    assert not {"response.completed", "message_delta", "message_stop"} & set(names)
    code = "deadline_exceeded" if fault == "stall" else "provider_failed"
    assert events[-1][1]["error"]["code"] == code
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["error_code"]) == ("timeout" if fault == "stall" else "error", code)


@BOTH
def test_a_whole_answer_that_is_no_chat_is_an_error(
    server: Server, afar: Provider, path: str, asked: dict[str, Any]
) -> None:
    afar.body = [b'{"choices": [{"message": {"content": 7}, "finish_reason": "stop"}]}']
    answer = ask(server, path, **{**asked, "model": "gpt-9"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_failed")
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["http_status"]) == ("error", 502)


def test_a_server_that_stops_says_so_in_each_one_s_words(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Any
) -> None:
    home = tmp_path_factory.mktemp("draining")
    manage(environment(home, **FLOOR), "add_model", "tiny", str(tiny_model))
    with serving(home, **FLOOR) as own:
        warm(own)
        asking = [
            Asking(own, path, model="tiny", stream=True, **body) for path, body in (RESPONSES, MESSAGES)
        ]
        with own.api() as api:
            until(lambda: [one["phase"] for one in running(api)] == ["decode", "decode"])
        os.kill(own.runner_pids()[0], signal.SIGSTOP)  # else they might be done in time
        own.stop()
        for each in asking:
            name, said = list(_events(each.answer.text))[-1]
            assert (name, said["error"]["code"]) == ("error", "draining")
