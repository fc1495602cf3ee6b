"""POST /v1/chat/completions and GET /v1/models as the official client meets them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from tests.server import Server
from tests.tiny_model import BEYOND_CONTEXT

HELLO: Any = [{"role": "user", "content": "hello"}]


def test_an_answer_has_what_the_client_expects(server: Server) -> None:
    with server.openai() as client:
        answer = client.chat.completions.create(model="tiny", messages=HELLO, temperature=0, max_tokens=12)
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage and answer.usage.completion_tokens == 12
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 12


def test_a_stream_says_the_same_as_the_whole_answer(server: Server) -> None:
    asked: Any = {"model": "tiny", "messages": HELLO, "temperature": 0, "max_tokens": 30}
    with server.openai() as client:
        whole = client.chat.completions.create(**asked)
        chunks = list(
            client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert len({chunk.id for chunk in chunks}) == 1


def test_without_include_usage_no_chunk_has_usage(server: Server) -> None:
    with server.openai() as client:
        chunks = list(client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=3, stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_max_completion_tokens_is_the_newer_name_and_wins(server: Server) -> None:
    with server.openai() as client:
        answer = client.chat.completions.create(
            model="tiny", messages=HELLO, max_tokens=9, max_completion_tokens=4
        )
    assert answer.usage and answer.usage.completion_tokens == 4


def test_a_seed_repeats_and_temperature_zero_is_greedy(server: Server) -> None:
    def text(**more: Any) -> Any:
        answer = client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=20, **more)
        return answer.choices[0].message.content

    with server.openai() as client:
        assert text(seed=7) == text(seed=7) != text(seed=8)
        assert text(temperature=0) == text(temperature=0, seed=1)


def test_a_stop_string_ends_the_answer_and_is_not_sent(server: Server) -> None:
    asked: Any = {"model": "tiny", "messages": HELLO, "temperature": 0, "max_tokens": 40}
    with server.openai() as client:
        text = client.chat.completions.create(**asked).choices[0].message.content or ""
        stop = text[10:14]
        choice = client.chat.completions.create(**asked, stop=[stop]).choices[0]
    assert choice.finish_reason == "stop"
    assert choice.message.content == text[: text.index(stop)]


def test_two_requests_are_decoded_in_one_batch(server: Server) -> None:
    """One after the other, two rows would take twice as long as one; in one batch they overlap."""
    asked: Any = {"model": "tiny", "messages": HELLO, "temperature": 0, "max_tokens": 400, "stream": True}

    def first_and_last(_: int) -> tuple[float, float]:
        import time

        with server.openai() as client:
            times = [time.monotonic() for _ in client.chat.completions.create(**asked)]
        return times[0], times[-1]

    with ThreadPoolExecutor(2) as threads:
        (a_first, a_last), (b_first, b_last) = threads.map(first_and_last, range(2))
    assert max(a_first, b_first) < min(a_last, b_last) - 0.5 * min(a_last - a_first, b_last - b_first)


def test_content_parts_of_text_are_joined_and_others_refused(server: Server) -> None:
    parts: Any = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
    image: Any = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    asked: Any = {"model": "tiny", "temperature": 0, "max_tokens": 8}
    with server.openai() as client:
        joined = client.chat.completions.create(messages=[{"role": "user", "content": parts}], **asked)
        whole = client.chat.completions.create(messages=HELLO, **asked)
        assert joined.choices == whole.choices
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(messages=[{"role": "user", "content": image}], **asked)
    assert refused.value.param == "messages[0].content"


def test_an_unknown_model_is_openais_404(server: Server) -> None:
    with server.openai() as client, pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="nobody", messages=HELLO)
    assert missing.value.code == "model_not_found"
    assert "tiny" in missing.value.message


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 2}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": None}, "model"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stop": ["a"] * 65}, "stop"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"messages": [{"role": "user", "content": BEYOND_CONTEXT}]}, "messages"),
    ],
)
def test_a_wrong_body_is_openais_400_and_names_the_field(
    server: Server, change: dict[str, Any], param: str
) -> None:
    with server.http() as http:
        answer = http.post("/v1/chat/completions", json={"model": "tiny", "messages": HELLO, **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert error["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"model": NaN}', b'"' + b"a" * 100])
def test_a_body_that_is_no_json_object_is_a_400(server: Server, content: bytes) -> None:
    with server.http() as http:
        answer = http.post("/v1/chat/completions", content=content)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_unknown_paths_and_methods_answer_json(server: Server) -> None:
    with server.http() as http:
        for method, path, status in [
            ("GET", "/v1", 404),
            ("GET", "/v1/", 404),
            ("POST", "/v1/nothing", 404),
            ("GET", "/v1/chat/completions", 405),
            ("DELETE", "/v1/models", 405),
            ("PATCH", "/v1/models/tiny", 405),
        ]:
            answer = http.request(method, path)
            assert answer.status_code == status, (method, path)
            assert answer.json()["error"]["type"] == "invalid_request_error"
            assert answer.headers["x-request-id"].startswith("req_")
            assert status != 405 or answer.headers["allow"]


def test_models_are_listed_and_found(server: Server) -> None:
    with server.openai() as client:
        assert [model.id for model in client.models.list()] == ["tiny", "tiny-embed"]
        assert client.models.retrieve("tiny").object == "model"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("nobody")
