"""The document of /api, and /api held against it by schemathesis: whatever is sent, nothing else comes back."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from ninja import Schema
from schemathesis import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mlx_manager.api import api
from tests.server import Server, serving

CONFORMS: list[Any] = [status_code_conformance, content_type_conformance, response_schema_conformance]
NOBODY = "http://127.0.0.1:9"  # no hub is asked


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that nobody minds the settings of."""
    with serving(tmp_path_factory.mktemp("home"), HF_ENDPOINT=NOBODY) as server:
        with server.api() as client:
            client.get("/api/models").raise_for_status()  # makes the key
        yield server


DOCUMENT: Any = api.get_openapi_schema(path_prefix="/api/")
schema = schemathesis.openapi.from_dict(DOCUMENT)


@schema.exclude(path_regex=r"/export$").parametrize()
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_nothing_comes_back_that_the_document_does_not_say(own_server: Server, case: Case[Any]) -> None:
    key = {"authorization": f"Bearer {own_server.admin_key}"}
    response = case.call(base_url=own_server.url, headers=key, timeout=60)
    case.validate_response(response, checks=CONFORMS)
    assert response.status_code != 500, response.text


def test_no_two_schemas_share_a_name() -> None:
    """The document would have one of them alone, and be wrong of the other."""
    modules: dict[str, set[str]] = {}
    left: list[type[Schema]] = [Schema]
    while left:
        for made in left.pop().__subclasses__():
            modules.setdefault(made.__name__, set()).add(made.__module__)
            left.append(made)
    document = json.dumps(DOCUMENT)
    used = [name for name in modules if f'"#/components/schemas/{name}"' in document]
    assert {name: modules[name] for name in used if len(modules[name]) > 1} == {}
    assert "RulePage" in used
