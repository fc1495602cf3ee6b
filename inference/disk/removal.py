"""Removes a model from the disk: only what a scan found in the folder for models or in the hub's cache."""

import secrets
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from huggingface_hub import scan_cache_dir

from inference.disk import scan
from inference.disk.scan import OnDisk, Origin
from inference.pool import pool
from settings_app import local_models
from settings_app.changes import Author
from settings_app.models import LocalModel

_REMOVED = f".removed-{secrets.token_hex(4)}-"  # of this process: a number of one comes again after a restart


def why_not(model: OnDisk) -> str:
    """Why it cannot be removed now; empty if it can."""
    if not model.removable:
        where = "is a link" if model.folder.is_symlink() else "lies outside the server's own folders"
        return f"{model.title} {where}: remove it by hand. You can stop serving it here."
    loaded = {
        state.name for state in pool.states() if state.state in ("waiting", "loading", "ready", "stopping")
    }
    if busy := [name for name in model.served_as if name in loaded]:
        return f"{busy[0]} is loaded. Unload it first."
    return ""


def remove(model: OnDisk, author: Author) -> int:
    """Ends its being served, and deletes its files. Returns the bytes that are freed. Raises ValidationError.

    A request that came in at that very moment keeps the files that it has open, or is told that the model is gone.
    """
    if problem := why_not(model):
        raise ValidationError(problem)
    try:
        return _from_cache(model, author) if model.origin is Origin.CACHE else _from_ours(model, author)
    except OSError as error:
        raise ValidationError(f"{model.title} cannot be removed: {error.strerror or error}.") from error


def _from_ours(model: OnDisk, author: Author) -> int:
    """Out of sight by one rename, so that nobody meets half a model. If that fails it is served as before."""
    models = Path(settings.MODELS_DIR).resolve()
    folder = model.folder.resolve()
    if models not in folder.parents:
        raise ValidationError(f"{model.title} lies outside {models}.")
    _delete_what_was_left(models)
    removed = Path(tempfile.mkdtemp(prefix=_REMOVED, dir=models))
    try:
        with transaction.atomic():
            _serve_no_more(model, author)
            folder.rename(removed / folder.name)
    except BaseException:
        removed.rmdir()
        raise
    if folder.parent != models and not any(folder.parent.iterdir()):
        folder.parent.rmdir()
    _delete(removed, model.title)
    return model.facts.size_bytes


def _serve_no_more(model: OnDisk, author: Author) -> None:
    for row in LocalModel.objects.filter(name__in=model.served_as):
        local_models.remove(row, author)


def _delete(removed: Path, title: str) -> None:
    try:
        shutil.rmtree(removed)
    except OSError as error:
        raise ValidationError(
            f"{title} is served no more, but its files cannot be deleted: {error.strerror or error}. What is left of "
            f"them is in {removed}."
        ) from error


def _delete_what_was_left(models: Path) -> None:
    """By a server that ended while it deleted; what this one moved away it may be deleting right now."""
    for left in models.glob(".removed-*"):
        if not left.name.startswith(_REMOVED):
            shutil.rmtree(left, ignore_errors=True)


def _from_cache(model: OnDisk, author: Author) -> int:
    """Here the names go last: the library deletes file by file, and says only then whether it could."""
    freed = _delete_from_cache(model.folder)
    with transaction.atomic():
        _serve_no_more(model, author)
    return freed


def _delete_from_cache(folder: Path) -> int:
    """The library knows which files other versions share."""
    cache = scan.cache_folder().resolve()
    place = folder.resolve()
    if place.parent.name != "snapshots" or place.parent.parent.parent != cache:
        return _half_download(place, cache)
    strategy = scan_cache_dir(cache).delete_revisions(place.name)
    strategy.execute()
    if place.exists():
        raise OSError("the cache does not know it")
    return strategy.expected_freed_size


def _half_download(place: Path, cache: Path) -> int:
    """A model in the cache without a version: the library cannot name it."""
    if place.parent != cache or not place.name.startswith("models--"):
        raise ValidationError(f"{place.name} lies outside {cache}.")
    size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
    shutil.rmtree(place)
    return size
