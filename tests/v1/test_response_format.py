"""`response_format` as the official client sends it, streamed and whole."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Literal

import openai
import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.server import Server

HELLO: Any = [{"role": "user", "content": "hello"}]
ASKED: dict[str, Any] = {"model": "tiny", "messages": HELLO, "max_tokens": 600}
FIELD = "response_format.json_schema.schema"


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["think", "über", "do"]
    share: Annotated[int, Field(ge=0, le=100)]


class Plan(BaseModel):
    """Bounded everywhere: a random model finds no end by itself."""

    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, Field(min_length=2, max_length=12)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=3)]
    done: bool
    next: Step | None


def format_of(schema: dict[str, Any], **more: Any) -> Any:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **more}}


@pytest.mark.parametrize("temperature", [0, 1])
def test_the_official_clients_parse_returns_an_object_of_the_class(server: Server, temperature: int) -> None:
    with server.openai() as client:
        answer = client.chat.completions.parse(**ASKED, temperature=temperature, response_format=Plan)
    assert isinstance(answer.choices[0].message.parsed, Plan)
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("temperature", [0, 1])
def test_it_is_streamed(server: Server, temperature: int) -> None:
    with (
        server.openai() as client,
        client.chat.completions.stream(**ASKED, temperature=temperature, response_format=Plan) as stream,
    ):
        pieces = [event.delta for event in stream if event.type == "content.delta"]
        answer = stream.get_final_completion()
    assert len(pieces) > 5 and "".join(pieces) == answer.choices[0].message.content
    assert isinstance(answer.choices[0].message.parsed, Plan)


def test_many_at_once_beside_one_that_may_say_anything(server: Server) -> None:
    plain: Any = {**ASKED, "temperature": 0, "max_tokens": 100}

    def text(**asked: Any) -> Any:
        with server.openai() as client:
            return client.chat.completions.create(**asked).choices[0].message.content

    schemas = [{"const": f"{number} ü"} for number in range(10)]
    alone = text(**plain)
    with ThreadPoolExecutor(11) as threads:
        beside = threads.submit(text, **plain)
        said = threads.map(lambda schema: text(**ASKED, response_format=format_of(schema)), schemas)
        assert [json.loads(answer) for answer in said] == [schema["const"] for schema in schemas]
        assert beside.result() == alone


def test_the_field_changes_what_is_said(server: Server) -> None:
    asked: Any = {**ASKED, "temperature": 0, "max_tokens": 30}
    with server.openai() as client:

        def text(**more: Any) -> str:
            return client.chat.completions.create(**asked, **more).choices[0].message.content or ""

        plain = text()
        assert text(response_format={"type": "text"}) == plain
        assert text(response_format={"type": "json_object"}).startswith("{") and not plain.startswith("{")
        assert text(response_format=format_of({"const": "yes"}, strict=True)) == '"yes"'
        assert text(response_format=format_of({"const": "no"}, strict=False, description="x")) == '"no"'


def test_an_answer_that_is_cut_says_so(server: Server) -> None:
    with server.openai() as client:
        answer = client.chat.completions.create(
            **{**ASKED, "max_tokens": 5}, response_format=format_of({"const": "a long, long answer"})
        )
        assert answer.choices[0].finish_reason == "length"
        with pytest.raises(openai.LengthFinishReasonError):
            client.chat.completions.parse(**{**ASKED, "max_tokens": 5}, response_format=Plan)


def test_the_deadline_holds(server: Server) -> None:
    endless = format_of({"type": "string", "minLength": 100_000})
    with server.http() as http:
        answer = http.post(
            "/v1/chat/completions",
            json={"model": "tiny", "messages": HELLO, "timeout": 1.5, "response_format": endless},
        )
    assert (answer.status_code, answer.json()["error"]["phase"]) == (504, "decode")


@pytest.mark.parametrize("stream", [False, True])
def test_a_schema_that_cannot_be_kept_is_a_400_that_says_why(server: Server, stream: bool) -> None:
    with server.openai() as client, pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            **ASKED, stream=stream, response_format=format_of({"type": "object", "if": {}})
        )
    assert (refused.value.code, refused.value.param) == ("invalid_schema", FIELD)
    assert '"if"' in refused.value.message
    row = server.logged(refused.value.response.headers["x-request-id"])
    assert (row["status"], row["http_status"], row["completion_tokens"]) == ("rejected", 400, 0)


def test_a_schema_that_becomes_too_complex_is_said_in_the_stream(server: Server) -> None:
    schema = {"type": "string", "pattern": "^(([a-z]{1,50}){1,50}){1,50}$"}
    with server.openai() as client:
        stream = client.chat.completions.create(
            **ASKED, temperature=0.5, seed=1, stream=True, response_format=format_of(schema)
        )
        with pytest.raises(openai.APIError) as failed:
            for chunk in stream:
                assert not chunk.choices or chunk.choices[0].finish_reason is None
    assert failed.value.code == "invalid_schema" and failed.value.param == FIELD


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "response_format.type"),
        ("json_object", "response_format"),
        ({"type": "yaml"}, "response_format.type"),
        ({"type": "json_object", "schema": {}}, "response_format.schema"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": {"schema": {}}}, "response_format.json_schema.name"),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, "response_format.json_schema.schema"),
        (format_of({}, name="a b"), "response_format.json_schema.name"),
        (format_of({}, strict="yes"), "response_format.json_schema.strict"),
        (format_of([]), "response_format.json_schema.schema"),  # type: ignore[arg-type]
        (format_of(True), "response_format.json_schema.schema"),  # type: ignore[arg-type]
    ],
)
def test_a_format_that_is_none_is_a_400_and_names_the_field(server: Server, given: Any, param: str) -> None:
    with server.http() as http:
        answer = http.post("/v1/chat/completions", json={**ASKED, "response_format": given})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["param"] == param, error
