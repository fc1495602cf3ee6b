"""What the documents say is what the code does."""

from pathlib import Path

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
