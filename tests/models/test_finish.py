"""A download that is complete at the very moment in which somebody cancels it, or something breaks."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from inference.hub import downloader, downloads
from settings_app import local_models
from settings_app.models import Download, LocalModel
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def row(tmp_path: Path, settings: Any) -> Download:
    """Running, and all its files are there."""
    settings.MODELS_DIR = tmp_path
    row = Download.objects.create(
        repo="tests/whole", commit="1", files=[], state="running", serve_as="whole", who="ada", door="page"
    )
    make_tiny_model(downloads.draft_folder(row))
    return row


def state(row: Download) -> str:
    return Download.objects.get(pk=row.pk).state


@pytest.mark.parametrize("turn", [downloads.cancel, downloads.pause])
def test_what_a_door_was_first_with_is_not_finished(row: Download, turn: Any) -> None:
    turned = turn(row.pk)
    downloader._finish(row)
    assert state(row) == turned.state
    assert downloads.draft_folder(row).is_dir()
    assert not downloads.folder_of(row.repo).exists()
    assert not LocalModel.objects.exists()


def test_a_door_that_comes_during_the_rename_finds_it_over(
    row: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = threading.Event()

    def cancel() -> None:
        try:
            called.set()
            downloads.cancel(row.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor() as threads:
        rename, cancelled = Path.rename, []

        def slowly(self: Path, target: Path) -> Path:
            cancelled.append(threads.submit(cancel))
            assert called.wait(10)
            with pytest.raises(TimeoutError):
                cancelled[0].result(0.2)  # it waits
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", slowly)
        downloader._finish(row)
        with pytest.raises(ValidationError, match="over already"):
            cancelled[0].result(20)
    assert state(row) == "done"
    assert (downloads.folder_of(row.repo) / "config.json").is_file()
    assert LocalModel.objects.get().name == "whole"


def test_what_breaks_off_after_the_rename_is_taken_up_again(
    row: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a server that ends there: the database forgets the claim, and the folder stays where it is."""
    with monkeypatch.context() as patched:
        patched.setattr(local_models, "add", _end)
        with pytest.raises(KeyboardInterrupt):
            downloader._finish(row)
    assert state(row) == "running"
    assert downloads.folder_of(row.repo).is_dir()
    assert asyncio.run(downloader._fetch(row)) == ""
    assert state(row) == "done"
    assert LocalModel.objects.get().name == "whole"


def test_why_it_is_not_served_is_kept_with_it(row: Download) -> None:
    LocalModel.objects.create(name="whole", kind="text", path="/elsewhere")
    downloader._finish(row)
    assert "It is here, but not served" in Download.objects.get(pk=row.pk).problem


def _end(**_: object) -> None:
    raise KeyboardInterrupt
