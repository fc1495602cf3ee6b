"""The models on the disk: in the folder for models, in the hub's cache, and wherever else one is served from."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from huggingface_hub import constants

from inference.disk import folder as folders
from inference.disk.folder import Facts
from settings_app.models import LocalModel


class Origin(StrEnum):
    OURS = "models"  # the server's own folder for models
    CACHE = "cache"  # the hub's cache, which other programs use too
    ELSEWHERE = "elsewhere"  # added by hand


@dataclass(frozen=True)
class OnDisk:
    """`id`: names the folder in an address. `title`: the repository at the hub, or the folder's name."""

    id: str
    folder: Path
    title: str
    origin: Origin
    facts: Facts
    served_as: tuple[str, ...]

    @property
    def place(self) -> tuple[str, str]:
        """In the order of the list."""
        return self.title.lower(), self.id

    @property
    def removable(self) -> bool:
        """What was added by hand from elsewhere is not this server's to delete."""
        return self.origin is not Origin.ELSEWHERE and not self.folder.is_symlink()


def models() -> list[OnDisk]:
    """By title. A folder is read once, and then only when something in it changed."""
    names: dict[Path, list[str]] = {}
    for name, path in LocalModel.objects.values_list("name", "path"):
        names.setdefault(Path(path), []).append(name)
    found: dict[Path, OnDisk] = {}
    for place, title, origin in (*_ours(), *_cached(), *_elsewhere(names)):
        resolved = place.resolve()
        if resolved not in found:
            served = tuple(names.get(resolved, ()))
            found[resolved] = OnDisk(_id(place), place, title, origin, folders.facts(place), served)
    return sorted(found.values(), key=lambda model: model.place)


def page(*, after: str, limit: int) -> tuple[list[OnDisk], str | None]:
    """Up to `limit` of them from the one after `after`, and where the next page begins (None: no more)."""
    title, _, id = after.rpartition(" ")
    found = [model for model in models() if model.place > (title, id)]
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], (" ".join(last.place) if last is not None else None)


def find(id: str) -> OnDisk | None:
    """Only what a scan finds can be named: no address leads to another folder."""
    return next((model for model in models() if model.id == id), None)


def cache_folder() -> Path:
    """HF_HUB_CACHE, or below HF_HOME, or the library's own place."""
    return Path(constants.HF_HUB_CACHE)


def _ours() -> Iterator[tuple[Path, str, Origin]]:
    """Folders in MODELS_DIR; one that holds no model but folders that do, as owner/name, is looked into."""
    for place in _folders(Path(settings.MODELS_DIR)):
        inner = [] if (place / "config.json").exists() else _folders(place)
        nested = [below for below in inner if (below / "config.json").exists()]
        for below in nested:
            yield below, f"{place.name}/{below.name}", Origin.OURS
        if not nested:
            yield place, place.name.replace("--", "/", 1), Origin.OURS


def _cached() -> Iterator[tuple[Path, str, Origin]]:
    """Each version of a model that is in the cache; a model without one is a download that did not get that far."""
    for place in _folders(cache_folder()):
        if not place.name.startswith("models--"):
            continue
        title = place.name.removeprefix("models--").replace("--", "/")
        versions = _folders(place / "snapshots")
        for version in versions or [place]:
            more = f" ({version.name[:7]})" if len(versions) > 1 else ""
            yield version, f"{title}{more}", Origin.CACHE


def _elsewhere(served: dict[Path, list[str]]) -> Iterator[tuple[Path, str, Origin]]:
    for place in served:
        yield place, place.name, Origin.ELSEWHERE


def _folders(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            return sorted(
                Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith(".")
            )
    except OSError:
        return []


def _id(place: Path) -> str:
    return hashlib.sha256(str(place).encode()).hexdigest()[:16]
