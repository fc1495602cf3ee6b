"""The models on the disk as the page shows them: each under each of its names, with what the pool says of it."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from inference.disk import scan
from inference.disk.scan import OnDisk, Origin
from inference.place_state import PlaceState
from inference.pool import pool
from settings_app.models import LocalModel
from settings_app.sizes import size_text

WHERE = {Origin.OURS: "", Origin.CACHE: "in the cache of the hub", Origin.ELSEWHERE: "in a folder of its own"}
STATES = {
    "waiting": "Waits for room",
    "loading": "Loading",
    "ready": "Loaded",
    "stopping": "Unloading",
    "failed": "Load failed",
}
MOVING = ("waiting", "loading", "stopping")


@dataclass(frozen=True)
class Row:
    """A model under one of its names, or one without a name. `key` is an id for HTML."""

    key: str
    model: OnDisk
    name: str
    pinned: bool
    adapter: str  # its folder, the end of its path; empty: none
    state: str
    state_text: str
    note: str

    @property
    def moves(self) -> bool:
        return self.state in MOVING

    @property
    def about(self) -> str:
        facts = self.model.facts
        tokens = f"{facts.context_tokens:,} tokens of context" if facts.context_tokens else ""
        return " · ".join(part for part in (facts.kind, facts.quantisation, tokens) if part)

    @property
    def where(self) -> str:
        title = "" if self.name in ("", self.model.title) else self.model.title
        return ", ".join(part for part in (title, WHERE[self.model.origin]) if part)


def rows() -> list[Row]:
    states = {state.name: state for state in pool.states()}
    stored = {row.name: row for row in LocalModel.objects.all()}
    return [
        _row(model, name, states.get(name), stored.get(name, LocalModel()))
        for model in scan.models()
        for name in model.served_as or ("",)
    ]


def _row(model: OnDisk, name: str, place: PlaceState | None, stored: LocalModel) -> Row:
    key = f"{model.id}-{model.served_as.index(name)}" if name else model.id
    row = partial(Row, key, model, name, stored.pinned, "/".join(Path(stored.adapter).parts[-2:]))
    if model.facts.fault:
        return row("broken", "Broken", f"It cannot be served: {model.facts.fault}.")
    if not name:
        return row("unnamed", "Not served", "")
    if place is None:
        return row("unloaded", "Not loaded", "")
    text, note = STATES[place.state], place.error
    if place.state == "loading" and place.bytes_done is not None and place.bytes_total:
        text = f"Loading, {min(100, 100 * place.bytes_done // place.bytes_total)} %"
    if place.state == "ready" and place.memory_bytes is not None:
        note = f"{size_text(place.memory_bytes)} in memory"
    return row(place.state, text, note)
