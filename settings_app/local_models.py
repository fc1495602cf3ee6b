"""The models on this machine that clients can ask for by name."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from settings_app import adapters, changes
from settings_app.changes import Author
from settings_app.models import LocalModel

ENCODERS = ("bert", "xlm-roberta", "modernbert", "llama_bidirec")  # model types that make vectors and no text


def add(
    *, name: str, path: Path, author: Author, kind: str | None = None, adapter: Path | None = None
) -> LocalModel:
    """Gives the folder at `path` the name `name`; the same name again points it to the new folder.

    `kind`: a LocalModel.Kind; None is what `kind_of` makes of the folder. `adapter`: the folder of one, put onto it.

    Raises ValidationError if the name cannot be used or the folder is no model in mlx format.
    """
    try:
        folder = path.expanduser().resolve()
        _check_folder(folder)
    except OSError as error:
        raise ValidationError({"path": f"The folder cannot be read: {error}."}) from error
    with transaction.atomic():
        model = LocalModel.objects.filter(name=name).first() or LocalModel(name=name)
        model.path = str(folder)
        model.kind = kind_of(folder) if kind is None else kind
        model.adapter = "" if adapter is None else str(adapter.expanduser().resolve())
        changes.save(model, author)
    return model


def page(*, after: str, limit: int) -> tuple[list[LocalModel], str | None]:
    """Up to `limit` models by name from the one after `after`, and where the next page begins (None: no more)."""
    found = list(LocalModel.objects.filter(name__gt=after).order_by("name")[: limit + 1])
    return found[:limit], (found[limit - 1].name if len(found) > limit else None)


def change(model: LocalModel, values: Mapping[str, object], author: Author) -> LocalModel:
    """Stores `values`, by field name: all of them, or none. Raises ValidationError."""
    for name, value in values.items():
        setattr(model, name, value)
    changes.save(model, author)
    return model


def remove(model: LocalModel, author: Author) -> None:
    """Its name is known to clients no more; the folder stays."""
    changes.delete(model, author)


def check_free(name: str, field: str = "name") -> None:
    """Raises ValidationError at `field` if no model can be given this name, or one has it."""
    try:
        LocalModel(name=name).clean_fields(exclude=["kind", "path"])
    except ValidationError as error:
        raise ValidationError({field: error.messages}) from None
    if LocalModel.objects.filter(name=name).exists():
        raise ValidationError({field: f"There is a model {name} already. Choose another name."})


def names_of(folder: Path) -> list[str]:
    """Those under which clients get the model of this folder."""
    return list(LocalModel.objects.filter(path=str(folder.resolve())).values_list("name", flat=True))


def free_name(repo_id: str) -> str:
    """A name for a model of the hub that none has yet: short if it can be."""
    every = set(LocalModel.objects.values_list("name", flat=True))
    short = repo_id.rpartition("/")[2]
    numbered = (f"{repo_id}-{number}" for number in range(2, len(every) + 3))
    return next(name for name in (short, repo_id, *numbered) if name not in every)


def kind_of(folder: Path) -> LocalModel.Kind:
    """What the model in a folder makes, read off its files.

    A decoder that was trained to embed has the same config.json as one that chats. sentence-transformers' files
    tell them apart; conversions to mlx often leave them out, and then the folder's name has to do.
    """
    if _config(folder).get("model_type") in ENCODERS or (folder / "modules.json").is_file():
        return LocalModel.Kind.EMBEDDING
    # The cache of the Hugging Face hub: models--owner--name/snapshots/hash
    name = folder.parent.parent.name if folder.parent.name == "snapshots" else folder.name
    return LocalModel.Kind.EMBEDDING if "embed" in name.lower() else LocalModel.Kind.TEXT


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise ValidationError({"path": f"config.json of {folder} cannot be read: {error}"}) from error
    if not isinstance(config, dict):
        raise ValidationError({"path": f"config.json of {folder} holds no object."})
    return config


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ValidationError({"path": f"{folder} is no folder."})
    if not (folder / "config.json").is_file():
        but = (
            " It is an adapter: give its model's folder, and this one as adapter."
            if adapters.is_one(folder)
            else ""
        )
        raise ValidationError({"path": f"{folder} has no config.json: it is no model in mlx format.{but}"})
    if not any(folder.glob("model*.safetensors")):
        raise ValidationError({"path": f"{folder} has no model*.safetensors: it is no model in mlx format."})
