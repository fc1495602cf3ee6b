"""Adapters: what mlx_lm.lora made, put onto a model; through every door, judged by the next answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.reference import MAX_TOKENS, PROMPT, greedy
from tests.server import Server
from tests.tiny_adapter import make_tiny_adapter
from tests.v1.asking import ask
from tests.v1.signed_in import SignedIn

ASKED: dict[str, Any] = {"model": "tuned", "prompt": PROMPT, "max_tokens": MAX_TOKENS, "temperature": 0}


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return make_tiny_adapter(tmp_path / "adapters")


@pytest.fixture
def tuned(server: Server, tiny_model: Path) -> Iterator[Server]:
    """`tuned` is the tiny model under another name."""
    server.manage("add_model", "tuned", str(tiny_model))
    yield server
    with server.api() as api:
        api.delete("/api/models/tuned")


def said(server: Server) -> str:
    answer = ask(server, "/v1/completions", **ASKED)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["text"])


def put(server: Server, adapter: object, status: int = 200) -> dict[str, Any]:
    with server.api() as api:
        answer = api.patch("/api/models/tuned", json={"adapter": adapter})
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def test_it_holds_from_the_next_request_on_and_is_recorded(
    tuned: Server, tiny_model: Path, adapter: Path
) -> None:
    plain = said(tuned)
    assert plain == greedy(tiny_model)
    assert put(tuned, str(adapter))["adapter"] == str(adapter)
    assert said(tuned) == greedy(tiny_model, adapter=adapter) != plain
    with tuned.api() as api:
        change = api.get("/api/settings/history").json()["changes"][0]
        assert (change["label"], change["field"], change["door"]) == ("tuned", "adapter", "api")
        assert (change["old"], change["new"]) == ("", str(adapter))
        api.post(f"/api/settings/history/{change['id']}/revert").raise_for_status()
        assert [m["adapter"] for m in api.get("/api/models").json()["models"] if m["name"] == "tuned"] == [""]


def test_the_command_and_the_page_set_it_too(tuned: Server, tiny_model: Path, adapter: Path) -> None:
    done = tuned.manage("add_model", "tuned", str(tiny_model), "--adapter", str(adapter))
    assert f"with the adapter {adapter}" in done.stdout
    assert said(tuned) == greedy(tiny_model, adapter=adapter)
    with tuned.http() as http:
        page = SignedIn(tuned, http)
        assert f'value="{adapter}"' in page.get("/models/adapter/?name=tuned").text
        assert "with the adapter" in page.get("/models/").text
        refused = page.post("/models/adapter/", name="tuned", adapter="/nowhere/at all")
        assert refused.status_code == 422
        assert "/nowhere/at all is no folder." in refused.text
        assert 'value="/nowhere/at all"' in refused.text
        assert (
            "tuned is served without an adapter"
            in page.post("/models/adapter/", name="tuned", adapter=" ").text
        )
    assert said(tuned) == greedy(tiny_model)


def test_what_is_no_adapter_is_refused_with_a_reason(
    tuned: Server, tiny_model: Path, adapter: Path, tmp_path: Path
) -> None:
    peft = tmp_path / "peft"
    peft.mkdir()
    (peft / "adapter_config.json").write_text("{}")
    (peft / "adapter_model.safetensors").touch()
    odd = make_tiny_adapter(tmp_path / "odd", fine_tune_type="ia3")
    bare = make_tiny_adapter(tmp_path / "bare", lora_parameters={"rank": 4})
    broken = make_tiny_adapter(tmp_path / "broken")
    (broken / "adapter_config.json").write_text("[" * 100_000)
    for asked, reason in [
        ("adapters", "Give the whole path"),
        ("/nowhere", "/nowhere is no folder."),
        ("/a\0b", "cannot be a folder"),
        (str(tiny_model), "It is a whole model"),
        (str(peft), "It is one for PyTorch (peft)"),
        (str(odd), "fine_tune_type 'ia3'; known are lora, dora, full"),
        (str(bare), "lacks num_layers, or rank, scale and dropout"),
        (str(broken), "cannot be read"),
    ]:
        [detail] = put(tuned, asked, 422)["detail"]
        assert detail["loc"] == ["body", "adapter"]
        assert reason in detail["msg"]
    put(tuned, 7, 422)
    with tuned.api() as api:
        refused = api.patch("/api/models/tiny-embed", json={"adapter": str(adapter)})
    assert (refused.status_code, "that make text" in refused.text) == (422, True)
    added = tuned.manage("add_model", "new", str(adapter), check=False)
    assert added.returncode and "It is an adapter: give its model's folder" in added.stderr


def test_one_that_does_not_fit_says_so_and_is_put_right(
    tuned: Server, tiny_model: Path, adapter: Path, tmp_path: Path
) -> None:
    put(tuned, str(make_tiny_adapter(tmp_path / "wide", wide=96)))
    refused = ask(tuned, "/v1/completions", **ASKED)
    assert refused.status_code == 503
    error = refused.json()["error"]
    assert error["code"] == "runner_failed"
    assert "The adapter wide does not fit the model tiny" in error["message"]
    assert str(tmp_path) not in error["message"]
    put(tuned, str(adapter))
    assert said(tuned) == greedy(tiny_model, adapter=adapter)
    (adapter / "adapters.safetensors").unlink()
    put(tuned, str(adapter))  # nothing is changed, so nothing is looked at
    with tuned.api() as api:
        api.patch("/api/models/tuned", json={"pinned": False}).raise_for_status()
        api.post("/api/models/tuned/unload").raise_for_status()
    gone = ask(tuned, "/v1/completions", **ASKED)
    assert (gone.status_code, "has no adapters.safetensors" in gone.text) == (503, True)


def test_a_request_that_runs_ends_with_what_it_began_with(tuned: Server, adapter: Path) -> None:
    plain = said(tuned)
    with tuned.http() as http:
        with http.stream("POST", "/v1/completions", json={**ASKED, "stream": True}) as stream:
            lines = stream.iter_lines()
            first = next(line for line in lines if line)
            put(tuned, str(adapter))
            events = [first, *(line for line in lines if line.startswith("data: {"))]
        text = "".join(json.loads(event[6:])["choices"][0]["text"] for event in events)
    assert text == plain != said(tuned)
