"""Models that are not like most: packed weights of several widths, no chat template. Through the front door."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.quantised import MIXED, quantise
from tests.reference import MAX_TOKENS, PROMPT, greedy
from tests.server import Server
from tests.tiny_model import make_tiny_model
from tests.v1.asking import SHORT, ask


@contextmanager
def served(server: Server, folder: Path) -> Iterator[str]:
    """The folder's model, under the name that is returned."""
    server.manage("add_model", "odd", str(folder))
    try:
        yield "odd"
    finally:
        with server.api() as api:
            api.delete("/api/models/odd").raise_for_status()


def said(server: Server, name: str) -> str:
    asked: dict[str, Any] = {"model": name, "prompt": PROMPT, "max_tokens": MAX_TOKENS, "temperature": 0}
    answer = ask(server, "/v1/completions", **asked)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["text"])


@pytest.mark.parametrize(
    ("mode", "bits", "shown"),
    [("affine", MIXED, "4- and 6- and 8-bit, group 32"), ("mxfp4", {}, "4-bit mxfp4, group 32")],
    ids=["widths that differ by layer", "mxfp4"],
)
def test_packed_weights_say_what_mlx_lm_says(
    server: Server, tiny_model: Path, tmp_path: Path, mode: str, bits: dict[str, int], shown: str
) -> None:
    folder = quantise(tiny_model, tmp_path / "packed", mode=mode, bits=bits)
    said_of_layers = json.loads((folder / "config.json").read_text())["quantization"]
    assert {name: said_of_layers[name]["bits"] for name in bits} == bits
    with served(server, folder) as name:
        assert said(server, name) == greedy(folder) != greedy(tiny_model)
        with server.api() as api:
            disk = api.get("/api/models/disk").json()["models"]
            [memory] = [
                m["memory_bytes"] for m in api.get("/api/models").json()["models"] if m["name"] == name
            ]
    assert [model["quantisation"] for model in disk if model["served_as"] == [name]] == [shown]
    assert memory > 500_000


def test_without_a_chat_template_texts_go_on_and_chats_are_refused_with_the_remedy(
    server: Server, tmp_path: Path
) -> None:
    folder = make_tiny_model(tmp_path / "base", chat_template=None)
    with served(server, folder) as name:
        refused = ask(server, **{**SHORT, "model": name})
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert (error["code"], error["param"]) == ("no_chat_template", "messages")
        assert "Use an instruction-tuned model, or /v1/completions" in error["message"]
        assert said(server, name) == greedy(folder)
        with server.http() as http:
            assert http.get(f"/v1/models/{name}").json()["capabilities"] == ["completions"]
