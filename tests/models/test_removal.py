"""A model whose files cannot be removed, and what a server left that ended while it removed one."""

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from huggingface_hub import constants

from inference.disk import removal, scan
from inference.disk.scan import OnDisk
from settings_app.changes import Author
from settings_app.models import Change, LocalModel
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.django_db
ADA = Author("ada", "page")


@pytest.fixture
def models(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.MODELS_DIR = tmp_path / "models"
    settings.MODELS_DIR.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "models"


def served(folder: Path, name: str = "whole") -> OnDisk:
    LocalModel.objects.create(name=name, kind="text", path=str(folder.resolve()))
    return next(model for model in scan.models() if model.served_as == (name,))


def _busy(*_: object, **__: object) -> None:
    raise OSError(errno.EBUSY, "Device or resource busy")


def _refused_while_busy(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, model: OnDisk, said: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, _busy)
        with pytest.raises(ValidationError, match=said):
            removal.remove(model, ADA)


def test_one_that_cannot_be_moved_away_is_served_as_before(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when its folder is a mount."""
    model = served(make_tiny_model(models / "owner" / "whole"))
    _refused_while_busy(
        monkeypatch, Path, "rename", model, "owner/whole cannot be removed: Device or resource busy"
    )
    assert LocalModel.objects.get().name == "whole"
    assert not Change.objects.exists()
    assert [path.name for path in models.iterdir()] == ["owner"]
    assert (model.folder / "config.json").is_file()
    assert removal.remove(model, ADA) == model.facts.size_bytes
    assert (list(models.iterdir()), LocalModel.objects.count()) == ([], 0)


def test_one_whose_files_stay_is_said_to_be_served_no_more(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = served(make_tiny_model(models / "whole"))
    _refused_while_busy(
        monkeypatch, shutil, "rmtree", model, "served no more, but its files cannot be deleted"
    )
    assert (scan.models(), LocalModel.objects.count()) == ([], 0)


def test_one_in_the_cache_that_cannot_be_deleted_keeps_its_name(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = served(make_tiny_model(tmp_path / "cache" / "models--org--half"))
    _refused_while_busy(monkeypatch, shutil, "rmtree", model, "org/half cannot be removed")
    assert LocalModel.objects.get().name == "whole"
    removal.remove(model, ADA)
    assert (model.folder.exists(), LocalModel.objects.count()) == (False, 0)


def test_what_another_server_left_goes_and_what_this_one_deletes_is_left_alone(models: Path) -> None:
    theirs, ours = models / ".removed-0123abcd-x", models / f"{removal._REMOVED}y"
    for folder in (theirs, ours):
        make_tiny_model(folder / "model")
    removal.remove(served(make_tiny_model(models / "whole")), ADA)
    assert (theirs.exists(), (ours / "model" / "config.json").exists()) == (False, True)
