"""GET /v1/models and /v1/models/{id}, as the official client and others that are written against it read them."""

import time
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.server import Server
from tests.tiny_model import CONTEXT_TOKENS, make_tiny_model
from tests.v1.asking import ask
from tests.v1.routed import change, planted, rule


def listed(server: Server) -> dict[str, dict[str, Any]]:
    with server.http() as http:
        return {model["id"]: model for model in http.get("/v1/models").raise_for_status().json()["data"]}


def show(server: Server, name: str, status: int = 200) -> dict[str, Any]:
    with server.http() as http:
        answer = http.get(f"/v1/models/{name}")
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def test_what_a_client_can_use_of_a_model(server: Server, tiny_model: Path) -> None:
    found = show(server, "tiny")
    assert found == listed(server)["tiny"]
    assert found == {
        "id": "tiny",
        "object": "model",
        "created": int((tiny_model / "config.json").stat().st_mtime),
        "owned_by": "local",
        "root": "tiny",
        "kind": "text",
        "max_model_len": CONTEXT_TOKENS,
        "loaded": True,
        "size_bytes": (tiny_model / "model.safetensors").stat().st_size,
        "capabilities": ["completions", "chat"],
    }


def test_the_official_client_lists_and_retrieves(server: Server) -> None:
    with server.openai() as client:
        models = {model.id: model for model in client.models.list()}
        assert set(models) == {"tiny", "tiny-embed"}
        one = client.models.retrieve("tiny")
    assert (one.id, one.object, one.owned_by) == ("tiny", "model", "local")
    assert abs(time.time() - one.created) < 86_400
    assert one.model_extra is not None and one.model_extra["max_model_len"] == CONTEXT_TOKENS


def test_it_says_what_is_loaded_and_remembers_what_was_learned(server: Server) -> None:
    assert ask(server, "/v1/embeddings", model="tiny-embed", input="hello").status_code == 200
    loaded = show(server, "tiny-embed")
    assert (loaded["kind"], loaded["loaded"], loaded["capabilities"]) == ("embedding", True, ["embeddings"])
    with server.api() as api:
        api.post("/api/models/tiny-embed/unload").raise_for_status()
    unloaded = show(server, "tiny-embed")
    assert unloaded == {**loaded, "loaded": False}


@pytest.mark.parametrize("asked", ["an-owner/a-model", "an-owner%2Fa-model"])
def test_a_name_with_a_slash_is_found_however_it_is_written(
    server: Server, tmp_path: Path, asked: str
) -> None:
    folder = make_tiny_model(tmp_path / "model", chat_template=None)
    server.manage("add_model", "an-owner/a-model", str(folder))
    try:
        found = show(server, asked)
        assert (found["id"], found["loaded"], found["capabilities"]) == ("an-owner/a-model", False, None)
        with server.openai() as client:
            assert client.models.retrieve("an-owner/a-model").id == "an-owner/a-model"
    finally:
        with server.api() as api:
            api.delete("/api/models/an-owner/a-model").raise_for_status()
    assert show(server, asked, 404)["error"]["code"] == "model_not_found"


def test_exact_rules_are_listed_as_what_they_lead_to(server: Server) -> None:
    began = int(time.time())
    with planted(server) as far:
        rule(server, far, "gpt-far", target_model="gpt-far-2026")
        with server.api() as api:
            for pattern, target in (("my-default", "tiny"), ("to-nobody", "gone")):
                wanted = {"pattern": pattern, "provider": None, "target_model": target}
                api.post("/api/settings/rules", json=wanted).raise_for_status()
            api.post("/api/settings/rules", json={"pattern": "o1-*", "kind": "glob", "provider": far.id})
        found = listed(server)
        assert set(found) == {"tiny", "tiny-embed", "gpt-far", "my-default"}
        assert found["my-default"] == {**found["tiny"], "id": "my-default"}
        cloud = found["gpt-far"]
        assert cloud.pop("created") >= began
        assert {name: value for name, value in cloud.items() if value is not None} == {
            "id": "gpt-far",
            "object": "model",
            "owned_by": "Afar",
            "root": "gpt-far-2026",
        }
        assert show(server, "to-nobody", 404)["error"]["code"] == "model_not_found"
        assert show(server, "o1-mini")["owned_by"] == "Afar"  # not listed, but whoever asks for it gets it
        change(server, far, enabled=False)
        assert set(listed(server)) == {"tiny", "tiny-embed", "my-default"}
        assert show(server, "gpt-far", 503)["error"]["code"] == "provider_unavailable"


def test_a_local_name_that_a_rule_sends_away_is_the_providers(server: Server) -> None:
    with planted(server) as far:
        rule(server, far, "tiny")
        assert show(server, "tiny")["owned_by"] == "Afar"
        assert listed(server)["tiny"]["loaded"] is None
    assert show(server, "tiny")["owned_by"] == "local"


def test_nobody_is_not_there(server: Server) -> None:
    for name in ("nobody", "", "tiny/", "TINY"):
        assert show(server, name, 404)["error"]["code"] == "model_not_found"
    with server.openai() as client, pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")
