"""GET /v1/models and /v1/models/{id} as Anthropic's own client meets them."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import anthropic
import pytest

from tests.dialects.saying import claude
from tests.provider import Provider
from tests.server import Server
from tests.tiny_model import CONTEXT_TOKENS, make_tiny_model
from tests.v1.pool import add

VERSION = {"anthropic-version": "2023-06-01"}
AGED = {"a-old": 1_000_000_000, "b-new": 4_000_000_000, "c-new": 4_000_000_000}


@pytest.fixture(scope="module")
def aged(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The shared server with models of different ages."""
    folder = tmp_path_factory.mktemp("aged")
    for name, at in AGED.items():
        model = make_tiny_model(folder / name)
        os.utime(model / "config.json", (at, at))
        add(shared_server, name, model)
    yield shared_server
    for name in AGED:
        shared_server.rows("DELETE FROM settings_app_localmodel WHERE name = ?", name)


def listed(server: Server, status: int = 200, **asked: Any) -> Any:
    with server.http(headers=VERSION) as http:
        answer = http.get("/v1/models", params=asked)
    assert answer.status_code == status, answer.text
    return answer.json()


def ids(page: Any) -> list[str]:
    return [model["id"] for model in page["data"]]


def test_the_official_client_lists_them_newest_first(aged: Server) -> None:
    with claude(aged) as client:
        for limit in (1, 2, 20):
            assert [model.id for model in client.models.list(limit=limit)] == [
                "b-new",
                "c-new",
                "tiny",
                "a-old",
            ]
        oldest = list(client.models.list())[-1]
    assert (oldest.type, oldest.display_name, oldest.lifecycle) == ("model", "a-old", "active")
    assert oldest.created_at == datetime.fromtimestamp(AGED["a-old"], UTC)
    assert (oldest.max_input_tokens, oldest.max_tokens) == (CONTEXT_TOKENS, CONTEXT_TOKENS)


def test_it_goes_back_page_by_page(aged: Server) -> None:
    page = listed(aged, limit=2, before_id="a-old")
    assert (ids(page), page["has_more"]) == (["c-new", "tiny"], True)
    assert (page["first_id"], page["last_id"]) == ("c-new", "tiny")
    first = listed(aged, limit=2, before_id=page["first_id"])
    assert (ids(first), first["has_more"]) == (["b-new"], False)
    with claude(aged) as client:
        back = [model.id for model in client.models.list(limit=2, before_id="a-old")]
    assert sorted(back) == ["b-new", "c-new", "tiny"]
    none = listed(aged, after_id="a-old")
    assert none == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_the_official_client_retrieves_one(server: Server) -> None:
    with claude(server) as client:
        one = client.models.retrieve("tiny")
        assert (one.id, one.max_input_tokens) == ("tiny", CONTEXT_TOKENS)
        with pytest.raises(anthropic.NotFoundError) as failed:
            client.models.retrieve("nobody")
    assert failed.value.body["error"]["code"] == "model_not_found"  # type: ignore[index]


def test_a_provider_s_model_is_there_with_what_is_known_of_it(server: Server, beyond: Provider) -> None:
    with claude(server) as client:
        models = {model.id: model for model in client.models.list()}
    assert {"gpt-9", "claude-9", "tiny"} <= set(models) and "tiny-embed" not in models
    assert models["claude-9"].max_input_tokens is None


def test_all_are_active(server: Server) -> None:
    with claude(server) as client:
        assert [model.id for model in client.models.list(lifecycle=["active", "retired"])]
        assert [model.id for model in client.models.list(lifecycle=["retired"])] == []


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": "²"}, "limit"),
        ({"after_id": "nobody"}, "after_id"),
        ({"before_id": "tiny-embed"}, "before_id"),
        ({"before_id": "tiny", "after_id": "tiny"}, "before_id"),
        ({"lifecycle": "young"}, "lifecycle"),
    ],
)
def test_a_page_that_cannot_be_is_a_400_that_names_it(
    server: Server, asked: dict[str, Any], param: str
) -> None:
    found = listed(server, 400, **asked)
    assert (found["type"], found["error"]["type"]) == ("error", "invalid_request_error")
    assert found["error"]["param"] == param


def test_without_the_version_it_is_openais(server: Server) -> None:
    with server.http() as http:
        found = http.get("/v1/models", params={"limit": 1}).json()
        assert found["object"] == "list" and len(found["data"]) > 1
        assert http.get("/v1/models/nobody").json()["error"]["type"] == "invalid_request_error"


def test_what_is_not_there_is_said_in_the_words_of_who_asks(server: Server) -> None:
    with server.http() as http:
        for path in ("/v1/messages/batches", "/v1/files"):
            answer = http.get(path, headers=VERSION)
            found = answer.json()
            assert (answer.status_code, found["type"]) == (404, "error")
            assert found["error"]["type"] == "not_found_error"
            assert found["request_id"] == answer.headers["request-id"]
        assert http.get("/v1/messages/batches").json()["type"] == "error"
        assert "type" not in http.get("/v1/files").json()
        chat = http.post("/v1/chat/completions", json={"model": "nobody"}, headers=VERSION).json()
        assert "type" not in chat and chat["error"]["code"] == "model_not_found"
