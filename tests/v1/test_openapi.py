"""The document of /v1, and /v1 held against it by schemathesis: whatever is sent, nothing else comes back."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from inference.api import openapi
from inference.front import ROUTES
from settings_app.endpoints import BY_KEY
from tests.server import Server
from tests.v1.asking import SHORT, ask

CONFORMS: list[CheckFunction] = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
MOST_TOKENS = 4
MODELS = {"/v1/embeddings": "tiny-embed"}
ASIDES = dict(BY_KEY["chat"].asides)  # which make nothing


def test_every_route_is_in_the_document() -> None:
    described = {(operation.path, operation.method) for operation in openapi.OPERATIONS}
    routes = {(path, method) for path, methods in ROUTES.items() for method in methods}
    assert described == routes - {(openapi.PATH, "GET")}


def test_it_is_there_for_everyone_without_a_key(server: Server) -> None:
    with server.http() as http:
        answer = http.get(openapi.PATH, headers={"x-forwarded-for": "192.0.2.1"})
        assert (answer.status_code, answer.json()) == (200, openapi.document())
        assert http.get(openapi.PATH, headers={"origin": "https://evil.example"}).status_code == 403
        assert http.post(openapi.PATH).status_code == 405


schema = schemathesis.openapi.from_dict(openapi.document())


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_nothing_comes_back_that_the_document_does_not_say(shared_server: Server, case: Case[Any]) -> None:
    _bound(case)
    response = case.call(base_url=shared_server.url, timeout=60)
    if case.method.upper() != case.operation.method.upper():  # it tries methods that are not there too
        assert response.status_code == 405
        return
    case.validate_response(response, checks=CONFORMS)
    assert str(response.status_code) in case.operation.definition.raw["responses"], response.text
    assert response.status_code != 500, response.text


def _bound(case: Case[Any]) -> None:
    """For a model that is there, and no more than a few tokens."""
    if not isinstance(case.body, dict):
        return
    if isinstance(case.body.get("model"), str):
        case.body["model"] = MODELS.get(case.path, "tiny")
    if case.path in MODELS:
        return
    if case.path in ASIDES:
        return
    if case.path == "/v1/responses":
        case.body["max_output_tokens"] = MOST_TOKENS
        return
    for name in ("max_tokens", "max_completion_tokens", "min_tokens"):
        asked = case.body.get(name)
        if isinstance(asked, int) and asked > MOST_TOKENS:
            case.body[name] = MOST_TOKENS
    if case.body.get("max_tokens") is None and case.body.get("max_completion_tokens") is None:
        case.body["max_tokens"] = MOST_TOKENS


@pytest.mark.parametrize("name", ["max_tokens", "min_tokens", "top_k", "seed", "n"])
def test_a_number_that_no_field_can_hold_is_a_400_that_names_it(server: Server, name: str) -> None:
    chat = ask(server, **{**SHORT, "logprobs": True, "timeout": 5, name: 10**30})
    prompt: dict[str, Any] = {"model": "tiny", "prompt": "a", "timeout": 5, name: 10**30}
    text = ask(server, "/v1/completions", **prompt)
    assert (chat.status_code, chat.json()["error"]["param"]) == (400, name), chat.text
    assert (text.status_code, text.json()["error"]["param"]) == (400, name), text.text
