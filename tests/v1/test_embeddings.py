"""POST /v1/embeddings as the official client meets it."""

import base64
import math
import struct
import time
from typing import Any

import httpx2
import openai
import pytest

from tests.server import Server
from tests.tiny_model import BEYOND_CONTEXT
from tests.v1.asking import ask
from tests.waiting import in_time, until

PATH = "/v1/embeddings"
MODEL = "tiny-embed"
MANY = [f"{n} " + "one two three four five six seven eight " * 14 for n in range(2000)]  # seconds of work


def test_the_official_clients_default_is_unpacked_and_unit_long(server: Server) -> None:
    with server.openai() as client:
        answer = client.embeddings.create(model=MODEL, input="hello there")
        listed = client.embeddings.create(model=MODEL, input=["hello there", "seven eight nine"])
    assert (answer.object, answer.data[0].object, answer.model) == ("list", "embedding", MODEL)
    assert math.isclose(sum(x * x for x in answer.data[0].embedding), 1, rel_tol=1e-4)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0
    assert [entry.index for entry in listed.data] == [0, 1]
    assert listed.data[0].embedding == pytest.approx(answer.data[0].embedding, abs=1e-5)
    assert listed.data[1].embedding != listed.data[0].embedding


def test_floats_and_base64_say_the_same(server: Server) -> None:
    floats = ask(server, PATH, model=MODEL, input="hello", encoding_format="float").json()
    packed = ask(server, PATH, model=MODEL, input="hello", encoding_format="base64").json()
    raw = base64.b64decode(packed["data"][0]["embedding"])
    assert list(struct.unpack(f"<{len(raw) // 4}f", raw)) == floats["data"][0]["embedding"]
    assert ask(server, PATH, model=MODEL, input="hello").json() == floats


def test_tokens_and_lists_of_tokens_are_taken(server: Server) -> None:
    with server.openai() as client:
        one = client.embeddings.create(model=MODEL, input=[5, 6, 7])
        listed = client.embeddings.create(model=MODEL, input=[[5, 6, 7], [8]])
    assert len(one.data) == 1
    assert listed.data[0].embedding == pytest.approx(one.data[0].embedding, abs=1e-5)
    assert one.usage.prompt_tokens == 3


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"input": []}, "input", "invalid_value"),
        ({"input": ""}, "input", "invalid_value"),
        ({"input": ["a", ""]}, "input[1]", "invalid_value"),
        ({"input": [1.5]}, "input[0]", "invalid_value"),
        ({"input": ["a"] * 2049}, "input", "invalid_value"),
        ({"dimensions": 7}, "dimensions", "unsupported_dimensions"),
        ({"dimensions": 0}, "dimensions", "invalid_value"),
        ({"encoding_format": "hex"}, "encoding_format", "invalid_value"),
        ({"input": BEYOND_CONTEXT}, "input", "context_length_exceeded"),
        ({"model": "tiny"}, "model", "model_does_not_embed"),
        ({"stream": True}, "stream", "unsupported_parameter"),
    ],
)
def test_a_wrong_body_is_a_400_that_names_the_field(
    server: Server, change: dict[str, Any], param: str, code: str
) -> None:
    answer = ask(server, PATH, **{"model": MODEL, "input": "hello", **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code)


def test_a_chat_is_refused_by_an_embedding_model(server: Server) -> None:
    with server.openai() as client, pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hello"}])
    assert refused.value.code == "model_does_not_generate"


def test_the_deadline_is_looked_at_between_batches(server: Server) -> None:
    """Trap 11."""
    ask(server, PATH, model=MODEL, input="warm")
    server.set_timeouts(embeddings_seconds=1)
    began = time.monotonic()
    answer = ask(server, PATH, model=MODEL, input=MANY)
    took = time.monotonic() - began
    row = server.logged(answer.headers["x-request-id"])
    assert (answer.status_code, answer.json()["error"]["phase"]) == (504, "prefill")
    assert in_time(took, 1)
    assert (row["status"], row["phase"], row["endpoint"]) == ("timeout", "prefill", PATH)
    assert row["stop_latency_ms"] < 1500
    assert server.rows_held() == 0


def test_a_client_that_leaves_frees_its_place(server: Server) -> None:
    ask(server, PATH, model=MODEL, input="warm")
    with pytest.raises(httpx2.ReadTimeout):
        ask(server, PATH, patience=0.3, model=MODEL, input=MANY)
    assert server.rows_held() == 0
    query = "SELECT status FROM settings_app_requestlog WHERE endpoint = ? ORDER BY id DESC LIMIT 1"
    until(lambda: server.rows(query, PATH) == [{"status": "client_closed"}])
