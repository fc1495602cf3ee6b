"""A request is cancelled in any phase: its work ends at once, and its client is told."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import openai
import pytest

from tests.conftest import warm
from tests.provider import Provider
from tests.running.in_flight import Asking, cancel, one_in, running
from tests.server import Server
from tests.v1.asking import BATCH_ROWS, LONG, LONG_PROMPT, SHORT, streaming
from tests.v1.routed import rule
from tests.v1.test_embeddings import MANY
from tests.v1.test_embeddings import MODEL as EMBEDDER
from tests.v1.test_embeddings import PATH as EMBEDDINGS
from tests.waiting import in_time


def in_band(answer: httpx2.Response) -> dict[str, Any]:
    """The error at the end of a stream."""
    *_, error, done = [line for line in answer.text.splitlines() if line]
    assert done == "data: [DONE]"
    found: dict[str, Any] = json.loads(error.removeprefix("data: "))["error"]
    return found


@contextmanager
def in_phase(server: Server, api: httpx2.Client, phase: str, stream: bool) -> Iterator[Asking]:
    """A request that comes into this phase, and stays there for a while."""
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
        assert in_time(time.monotonic() - began, 0)
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
