"""What the documents say is what the code does."""

from pathlib import Path

import msgspec
import pytest

from inference.api.chat import ChatRequest
from inference.api.completions import CompletionRequest
from inference.api.embeddings import EmbeddingRequest
from settings_app.endpoints import ENDPOINTS
from settings_app.presets import PRESETS

DOCS = Path(__file__).resolve().parent.parent / "docs"


def test_the_values_are_those_that_are_declared() -> None:
    lines = (DOCS / "deadlines.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `/v1/")]
    assert rows == [
        f"| `{e.path}` | `{e.key}` | `{e.field}` | {e.default_seconds:g} "
        f"| {e.lowest_seconds:g} \N{EN DASH} {e.highest_seconds:g} | {e.step_seconds:g} |"
        for e in ENDPOINTS
    ]


def test_links_between_documents_lead_somewhere() -> None:
    assert (DOCS / "deadlines.md").exists()
    assert "docs/deadlines.md" in (DOCS.parent / "README.md").read_text()


def test_the_presets_are_those_that_are_declared() -> None:
    lines = (DOCS / "providers.md").read_text().splitlines()
    begin = lines.index("| preset | protocol | base URL |") + 2
    shown = [f" `{p.base_url}` " if p.base_url else " " for p in PRESETS]
    assert lines[begin : begin + len(PRESETS)] == [
        f"| {p.label} | `{p.protocol}` |{url}|" for p, url in zip(PRESETS, shown, strict=True)
    ]


@pytest.mark.parametrize("body", [ChatRequest, CompletionRequest, EmbeddingRequest])
def test_every_field_that_is_taken_is_told(body: type[msgspec.Struct]) -> None:
    page = (DOCS / "v1.md").read_text()
    assert [field for field in body.__struct_fields__ if f"`{field}`" not in page] == []


def test_the_bounds_of_sampling_are_those_that_are_declared() -> None:
    section = (DOCS / "v1.md").read_text().split("## Sampling\n")[1].split("\n## ")[0]
    rows = dict(
        line.removeprefix("| `").split("` | ", 1)
        for line in section.splitlines()
        if line.startswith("| `") and "` | " in line
    )
    for field in ("temperature", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"):
        asked = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
        told = rows[field].split(" | ")[0].replace("\N{MINUS SIGN}", "-").split(" \N{EN DASH} ")
        for bound, beyond in zip(map(float, told), (-0.01, 0.01), strict=True):
            msgspec.convert(asked | {field: bound}, ChatRequest)
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(asked | {field: bound + beyond}, ChatRequest)
