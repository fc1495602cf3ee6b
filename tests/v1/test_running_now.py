"""Running now: what is in flight is seen from every door, cancelled in any phase, and given more time."""

import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from django.core.management import CommandError, call_command

from tests.conftest import warm
from tests.provider import OpenAI, Provider
from tests.server import Server, environment, manage, serving
from tests.v1.asking import BATCH_ROWS, CHAT, LONG, LONG_PROMPT, SHORT, ask, streaming, unread
from tests.v1.routed import planted, rule
from tests.v1.signed_in import SignedIn
from tests.v1.test_embeddings import MANY
from tests.v1.test_embeddings import MODEL as EMBEDDER
from tests.v1.test_embeddings import PATH as EMBEDDINGS

RUNNING = "/api/requests/running"
ADVICE = {"x-should-retry": "false"}


@pytest.fixture
def api(server: Server) -> Iterator[httpx2.Client]:
    with server.api() as api:
        yield api


@pytest.fixture
def afar(server: Server) -> Iterator[Provider]:
    with planted(server) as told:
        rule(server, told, "afar")
        yield told


class Asking:
    """A request in a thread of its own; `answer` is there when it has ended."""

    def __init__(self, server: Server, path: str = CHAT, **body: Any) -> None:
        self._answers: list[httpx2.Response] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(ask(server, path, **body)))
        self._thread.start()

    @property
    def answer(self) -> httpx2.Response:
        self._thread.join(30)
        return self._answers[0]


def running(api: httpx2.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(RUNNING).raise_for_status().json()["running"]
    return found


def one_in(api: httpx2.Client, phase: str, seconds: float = 10) -> dict[str, Any]:
    """The newest request that runs, once it is in this phase."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = running(api)
        if found and found[-1]["phase"] == phase:
            return found[-1]
    raise AssertionError(f"none came into {phase}")


def cancel(api: httpx2.Client, id: str) -> httpx2.Response:
    return api.post(f"/api/requests/{id}/cancel")


def extend(api: httpx2.Client, id: str, seconds: object = 60) -> httpx2.Response:
    return api.post(f"/api/requests/{id}/extend", json={"seconds": seconds})


def in_band(answer: httpx2.Response) -> dict[str, Any]:
    """The error at the end of a stream."""
    *_, error, done = [line for line in answer.text.splitlines() if line]
    assert done == "data: [DONE]"
    found: dict[str, Any] = json.loads(error.removeprefix("data: "))["error"]
    return found


@contextmanager
def in_phase(server: Server, api: httpx2.Client, phase: str, stream: bool) -> Iterator[Asking]:
    """A request that is cancelled in this phase unless it is too fast."""
    with ExitStack() as stack:
        body: dict[str, Any] = {**LONG, "stream": stream}
        if phase == "queue":
            stack.enter_context(streaming(server, BATCH_ROWS))
            body = {**SHORT, "stream": stream}
        elif phase == "load":
            api.post("/api/models/tiny/unload").raise_for_status()
        elif phase == "prefill":
            words = f"{time.time()} {LONG_PROMPT['messages'][0]['content']}"
            body = {**body, "messages": [{"role": "user", "content": words}]}
        elif phase == "cloud":
            body["model"] = "afar"
        yield Asking(server, **body)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("phase", ["queue", "load", "prefill", "decode", "cloud"])
def test_a_cancel_ends_it_in_any_phase(
    server: Server, api: httpx2.Client, afar: Provider, phase: str, stream: bool
) -> None:
    afar.endless, afar.silence = stream, 0 if stream else 20
    with in_phase(server, api, phase, stream) as asking:
        found = one_in(api, phase)
        if stream and phase in ("decode", "cloud"):
            while not found["completion_tokens"]:
                found = one_in(api, phase)
        began = time.monotonic()
        said = cancel(api, found["id"])
        answer = asking.answer
        assert time.monotonic() - began < 2
    assert (said.status_code, said.json()["cancelled"]) == (200, True)
    row = server.logged(found["id"])
    begun = stream and phase in ("decode", "cloud")
    error = in_band(answer) if begun else answer.json()["error"]
    assert answer.status_code == (200 if begun else 410)
    assert begun or answer.headers["x-should-retry"] == "false"
    assert (error["code"], error["type"], error["phase"]) == ("cancelled", "cancelled_error", phase)
    assert error["message"].startswith(f"The operator of this server cancelled the request during {phase} (")
    assert (row["status"], row["phase"], row["error_code"]) == ("cancelled", phase, "cancelled")
    assert row["http_status"] == answer.status_code
    if phase == "cloud":
        assert afar.left.wait(5), "the connection to the provider is closed"
    elif phase != "load":
        assert row["stop_latency_ms"] is not None
    assert server.rows_held() == 0
    if phase == "load":
        warm(server)


def test_a_batch_of_embeddings_is_cancelled_between_its_inputs(server: Server, api: httpx2.Client) -> None:
    asking = Asking(server, EMBEDDINGS, model=EMBEDDER, input=MANY)
    found = one_in(api, "prefill", 30)
    assert cancel(api, found["id"]).status_code == 200
    assert (asking.answer.status_code, asking.answer.json()["error"]["code"]) == (410, "cancelled")
    assert server.logged(found["id"])["status"] == "cancelled"


def test_the_place_of_a_cancelled_one_is_free_at_once(server: Server, api: httpx2.Client) -> None:
    with streaming(server, BATCH_ROWS):
        waiting = Asking(server, **SHORT)
        one_in(api, "queue")
        cancel(api, running(api)[0]["id"])
        assert waiting.answer.status_code == 200


def test_the_provider_stops_also_when_the_client_does_not_read(
    server: Server, api: httpx2.Client, afar: Provider
) -> None:
    """The request is stuck in the sending of what it has; the work need not wait for that."""
    afar.events = [OpenAI().piece({"content": "." * 2**18})] * 400
    with unread(server, {**LONG, "model": "afar", "stream": True}):
        found, seen = one_in(api, "cloud"), -1
        while found["completion_tokens"] != seen or not seen:
            seen = found["completion_tokens"]
            time.sleep(0.2)
            found = one_in(api, "cloud")
        cancel(api, found["id"])
        assert afar.left.wait(5)
        assert running(api)[0]["cancelled"]
    assert server.logged(found["id"])["status"] == "cancelled"


@pytest.mark.parametrize("applied", [False, True])
def test_the_provider_stops_at_the_deadline_also_when_the_client_does_not_read(
    server: Server, api: httpx2.Client, afar: Provider, applied: bool
) -> None:
    """Also at one that was shortened meanwhile. The request is over then, whenever its client leaves."""
    afar.events = [OpenAI().piece({"content": "." * 2**18})] * 400
    with unread(server, {**LONG, "model": "afar", "stream": True, **({} if applied else {"timeout": 1})}):
        found = one_in(api, "cloud")
        if applied:
            api.put("/api/settings/timeouts", json={"chat_seconds": 1, "apply_to_running": True})
        assert afar.left.wait(5)
        time.sleep(0.5)
        assert running(api)[0]["remaining_seconds"] == 0
        assert extend(api, found["id"]).status_code == 404
    row = server.logged(found["id"])
    assert (row["status"], row["phase"], row["http_status"]) == ("timeout", "cloud", 200)
    assert row["total_ms"] == pytest.approx(1000, abs=1000 if applied else 300)


@pytest.mark.parametrize("stream", [False, True])
def test_the_official_client_is_told_once(server: Server, api: httpx2.Client, stream: bool) -> None:
    seen: list[str] = []

    def cancel_all() -> None:
        ends = time.monotonic() + 5
        while time.monotonic() < ends and len(seen) < 4:
            for found in running(api):
                if found["completion_tokens"] > 5 and found["id"] not in seen:
                    seen.append(found["id"])
                    cancel(api, found["id"])
            if seen and done.wait(0.5):
                return

    done = threading.Event()
    cancelling = threading.Thread(target=cancel_all)
    cancelling.start()
    with server.openai() as client, pytest.raises(openai.APIError) as told:
        if stream:
            for _ in client.chat.completions.create(**LONG, stream=True):
                pass
        else:
            client.chat.completions.create(**LONG)
    done.set()
    cancelling.join()
    assert told.value.code == "cancelled"
    assert len(seen) == 1
    assert running(api) == []


def test_no_fallback_takes_over_what_was_cancelled(
    server: Server, api: httpx2.Client, afar: Provider
) -> None:
    afar.silence = 20
    causes = ["error", "overload", "timeout"]
    rule(
        server,
        afar,
        "with-fallback",
        fallbacks=[{"provider": None, "target_model": "tiny", "causes": causes}],
    )
    asking = Asking(server, **{**SHORT, "model": "with-fallback"})
    cancel(api, one_in(api, "cloud")["id"])
    assert asking.answer.json()["error"]["code"] == "cancelled"
    row = server.logged(asking.answer.headers["x-request-id"])
    assert (row["status"], row["backend"], row["fell_back"]) == ("cancelled", "Afar", "")


def test_an_extended_stream_outlives_its_deadline_and_the_log_says_whose_word_it_was(
    server: Server, api: httpx2.Client
) -> None:
    server.set_timeouts(chat_seconds=2)
    with streaming(server, 1) as (answer,):
        (found,) = running(api)
        assert found["deadline_source"] == "endpoint"
        said = extend(api, found["id"], 1.5).json()
        assert (said["deadline_seconds"], said["deadline_source"]) == (3.5, "operator")
        began = time.monotonic() - found["elapsed_seconds"]
        *_, error, _done = [line for line in answer.lines if line]  # type: ignore[attr-defined]
        assert time.monotonic() - began == pytest.approx(3.5, abs=0.4)
    assert json.loads(error.removeprefix("data: "))["error"]["source"] == "operator"
    row = server.logged(found["id"])
    assert (row["status"], row["deadline_seconds"], row["deadline_source"]) == ("timeout", 3.5, "operator")


@pytest.mark.parametrize("phase", ["queue", "cloud"])
def test_what_waits_is_extended_too(server: Server, api: httpx2.Client, afar: Provider, phase: str) -> None:
    afar.silence = 20
    with streaming(server, BATCH_ROWS if phase == "queue" else 0):
        asking = Asking(server, **{**SHORT, "timeout": 1.5, "model": "afar" if phase == "cloud" else "tiny"})
        found = one_in(api, phase)
        assert extend(api, found["id"], 1).json()["deadline_seconds"] == 2.5
        answer = asking.answer
    row = server.logged(found["id"])
    assert (answer.status_code, answer.json()["error"]["source"]) == (504, "operator")
    assert row["total_ms"] == pytest.approx(2500, abs=300)


def test_a_fallback_still_gets_its_share_of_an_extended_deadline(
    server: Server, api: httpx2.Client, afar: Provider
) -> None:
    """Half of what there is: of 2 s it would have been asked after one, of 4 s it is after two."""
    afar.silence = 20
    rule(server, afar, "slow", fallbacks=[{"provider": None, "target_model": "tiny", "causes": ["timeout"]}])
    asking = Asking(server, **{**SHORT, "model": "slow", "timeout": 2})
    extend(api, one_in(api, "cloud")["id"], 2)
    assert asking.answer.status_code == 200
    row = server.logged(asking.answer.headers["x-request-id"])
    assert (row["backend"], row["cloud_ms"]) == ("local", pytest.approx(2000, abs=300))


def test_it_may_go_beyond_what_is_stored_but_not_beyond_the_highest_bound(
    server: Server, api: httpx2.Client
) -> None:
    server.set_timeouts(chat_seconds=7000)
    with streaming(server, 1, timeout=30):
        (found,) = running(api)
        assert found["deadline_seconds"] == 30
        assert extend(api, found["id"], 7100).json()["deadline_seconds"] == 7130
        refused = extend(api, found["id"], 71)
        assert refused.status_code == 422
        assert refused.json()["detail"][0]["loc"] == ["body", "seconds"]
        assert "2 h in all: enter 70 seconds at most" in refused.json()["detail"][0]["msg"]
        assert extend(api, found["id"], 70).json()["deadline_seconds"] == 7200
        assert "longest time that there is" in extend(api, found["id"], 1).json()["detail"][0]["msg"]


@pytest.mark.parametrize("seconds", [0, 0.5, 7201, -60, "60", True, None, [60], 1e400])
def test_what_is_no_time_is_refused_in_words(server: Server, api: httpx2.Client, seconds: object) -> None:
    with streaming(server, 1):
        (found,) = running(api)
        content = json.dumps({"seconds": seconds})
        refused = api.post(f"/api/requests/{found['id']}/extend", content=content)
        assert refused.status_code == 422, refused.text
        assert refused.json()["detail"][0]["msg"] == "Enter 1 to 7200 seconds, as a number."
        assert running(api)[0]["deadline_seconds"] == 900


def test_the_body_is_strict(server: Server, api: httpx2.Client) -> None:
    for body in ({}, {"seconds": 60, "minutes": 1}, [60]):
        assert api.post("/api/requests/req_1/extend", json=body).status_code == 422


def test_one_that_has_ended_is_not_found_and_strangers_learn_nothing(
    server: Server, api: httpx2.Client
) -> None:
    ended = ask(server, **SHORT).headers["x-request-id"]
    for answer in (cancel(api, ended), extend(api, ended), cancel(api, "req_nobody")):
        assert answer.status_code == 404
        assert "is running: it has ended, or there was none" in answer.json()["detail"]
    assert server.logged(ended)["status"] == "ok"
    with server.http() as stranger:
        assert stranger.get(RUNNING).status_code == 401
        assert stranger.post(f"/api/requests/{ended}/cancel").status_code == 401
        assert stranger.get("/settings/running/live/").status_code == 302


def test_what_runs_is_told_as_it_is(server: Server, api: httpx2.Client) -> None:
    key = server.manage("create_api_key", "laptop-that-runs").stdout.splitlines()[-1]
    assert running(api) == []
    with server.http(headers={"authorization": f"Bearer {key}"}) as http:
        body = {**LONG, "stream": True}
        with http.stream("POST", CHAT, json=body) as answer:
            lines = answer.iter_lines()
            next(lines)
            (found,) = running(api)
            assert found["id"] == answer.headers["x-request-id"]
            wanted = {
                "endpoint": CHAT,
                "model": "tiny",
                "served_model": "tiny",
                "backend": "local",
                "api_key": "laptop-that-runs",
                "streamed": True,
                "phase": "decode",
                "deadline_seconds": 900,
                "deadline_source": "endpoint",
                "cancelled": False,
            }
            assert {name: found[name] for name in wanted} == wanted
            assert found["prompt_tokens"] > 0
            assert found["remaining_seconds"] == pytest.approx(900 - found["elapsed_seconds"])
            time.sleep(0.2)
            for _ in range(5):
                next(lines)
            (later,) = running(api)
            assert later["completion_tokens"] > found["completion_tokens"]
            assert later["tokens_per_second"] > 1


def test_the_command_lists_cancels_and_extends_from_another_process(
    server: Server, api: httpx2.Client, afar: Provider
) -> None:
    afar.endless = True
    with streaming(server, 2, model="afar") as (one, other):
        first, second = (answer.headers["x-request-id"] for answer in (one, other))
        head, *rows = server.manage("running").stdout.splitlines()
        assert head.split() == [
            "ID", "PHASE", "MODEL", "BACKEND", "KEY", "TOKENS", "TOKENS/S", "ELAPSED", "LEFT",
        ]  # fmt: skip
        assert [row.split()[:5] for row in rows] == [
            [id, "cloud", "afar", "Afar", "-"] for id in (first, second)
        ]
        said = server.manage("running", "--extend", first, "2m").stdout
        assert said.startswith(f"{first} may take 1020 s in all now, ")
        beyond = server.manage("running", "--extend", first, "7000", check=False)
        assert (beyond.returncode, "enter 6180 seconds at most" in beyond.stderr) == (1, True)
        assert server.manage("running", "--cancel", second).stdout == f"{second} is cancelled.\n"
        assert "cancelled" in [line for line in other.lines if line][-2]  # type: ignore[attr-defined]
        assert [found["deadline_seconds"] for found in running(api)] == [1020]
    assert server.rows("SELECT * FROM settings_app_runningorder") == []
    assert server.manage("running").stdout == "No request is running.\n"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("written", "words"),
    [("7201", "Enter 1 to 7200"), ("nan", "Enter 1 to 7200"), ("soon", "is no duration")],
)
def test_the_command_refuses_what_is_no_time(written: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("running", "--extend", "req_1", written)


def test_with_no_server_the_command_says_so(tmp_path: Path) -> None:
    ended = manage(environment(tmp_path), "running", check=False)
    assert (ended.returncode, "No server answered" in ended.stderr) == (1, True)


def test_who_cancelled_or_extended_stands_in_the_servers_log(server: Server, api: httpx2.Client) -> None:
    with streaming(server, 1):
        (found,) = running(api)
        extend(api, found["id"])
        cancel(api, found["id"])
    told = [line for line in server.lines if found["id"] in line]
    assert any(f"{found['id']} is extended by key tests (api), to 960 s in all" in line for line in told)
    assert any(f"{found['id']} is cancelled by key tests (api), during decode" in line for line in told)


def test_many_are_told_four_times_a_second_at_most_and_in_little(server: Server, api: httpx2.Client) -> None:
    """More in flight than are shown, one who looks, and all others are served as before."""
    with server.http() as http, server.http() as other, ExitStack() as stack:
        ada = SignedIn(server, http)
        alone = _median_seconds(other)
        for _ in range(203):
            stack.enter_context(unread(server, {**LONG, "stream": True}))
        until_all = time.monotonic() + 20
        while api.get(RUNNING).json()["count"] < 203 and time.monotonic() < until_all:
            time.sleep(0.1)
        with ada.http.stream("GET", "/settings/running/live/") as live:
            told = _messages(live)
            first = next(told)
            assert (first["whole"], first["count"], len(first["new"])) == (True, 203, 200)
            began = time.monotonic()
            later = []
            while time.monotonic() - began < 2:
                later.append(next(told))
        assert 3 <= len(later) <= 10  # four a second, and one at either end
        assert not any(message["whole"] or message["new"] for message in later)
        assert max(len(json.dumps(message)) for message in later) < 32_000
        with ada.http.stream("GET", "/settings/running/live/"):
            assert _median_seconds(other) < 3 * alone + 0.05
        assert "<span data-more-count>3</span> more that came later" in ada.get("/settings/").text


def test_nothing_is_sent_when_nothing_moves_and_the_end_is_told(server: Server, api: httpx2.Client) -> None:
    with server.http() as http:
        ada = SignedIn(server, http)
        with ada.http.stream("GET", "/settings/running/live/") as live:
            assert live.headers["content-type"] == "text/event-stream"
            told = _messages(live)
            assert next(told) == {"whole": True, "count": 0, "new": [], "now": [], "gone": []}
            time.sleep(1)
            with streaming(server, 1) as (answer,):
                id = answer.headers["x-request-id"]
                assert [call["id"] for call in next(told)["new"]] == [id]  # and none before that
                cancel(api, id)
            for message in told:
                if message["gone"]:
                    assert (message["gone"], message["count"]) == ([id], 0)
                    break


def test_a_viewer_does_not_hold_the_server_up_when_it_stops(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.http() as http:
        ada = SignedIn(server, http)
        with ada.http.stream("GET", "/settings/running/live/") as live:
            told = _messages(live)
            assert next(told)["whole"]
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 5  # and not the 10 s after which what is open is cut
            assert list(told) == []


def _messages(live: httpx2.Response) -> Iterator[dict[str, Any]]:
    for line in live.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def _median_seconds(http: httpx2.Client) -> float:
    """How long a small request to /v1 takes."""
    took = []
    for _ in range(25):
        began = time.monotonic()
        http.get("/v1/models").raise_for_status()
        took.append(time.monotonic() - began)
    return statistics.median(took)
