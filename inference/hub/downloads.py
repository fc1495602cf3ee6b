"""Downloads from the hub: begun, paused, resumed and cancelled at the doors, shown with how far they are."""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone

from inference.hub import catalogue, plan, progress, transfer
from inference.hub.catalogue import Repo
from inference.hub.plan import HubFile
from settings_app import local_models
from settings_app.changes import Author
from settings_app.models import Download
from settings_app.sizes import size_text

ROOM_BYTES = 64 * 2**20  # left free for the database and the log
DONE_SHOWN = timedelta(days=1)
State = Download.State


@dataclass(frozen=True)
class Shown:
    """`seconds_left`: None until a rate is known."""

    id: int
    repo: str
    state: str
    done_bytes: int
    total_bytes: int
    bytes_per_second: float
    seconds_left: float | None
    serve_as: str
    problem: str


@dataclass(frozen=True)
class Offer:
    """A repository as it would be fetched. `problem`: why it cannot be; empty if it can."""

    repo: Repo
    files: tuple[HubFile, ...]
    total_bytes: int
    free_bytes: int
    serve_as: str
    problem: str


def offer(repo_id: str) -> Offer:
    """What a download would bring, and whether there is room. Raises HubError."""
    repo = catalogue.repo(repo_id)
    try:
        files, problem = tuple(plan.chosen(repo.files)), ""
    except plan.CannotTake as error:
        files, problem = (), str(error)
    total = sum(file.size_bytes for file in files)
    problem = problem or _why_not(repo.id) or no_room(total)
    return Offer(repo, files, total, _free_bytes(), local_models.free_name(repo.id), problem)


def begin(repo_id: str, serve_as: str | None, author: Author) -> Download:
    """Fetches a model in the background, and then serves it as `serve_as`; None is a name made of the repository's.

    Raises ValidationError, and HubError if the hub cannot be asked.
    """
    found = offer(repo_id)
    name = found.serve_as if serve_as is None else serve_as.strip()
    if name:
        local_models.check_free(name, "serve_as")
    if found.problem:
        raise ValidationError({"repo": found.problem})
    Download.objects.filter(state=State.DONE, ended_at__lt=timezone.now() - DONE_SHOWN).delete()
    try:
        with transaction.atomic():
            return Download.objects.create(
                repo=found.repo.id,
                commit=found.repo.commit,
                files=plan.stored(found.files),
                serve_as=name,
                who=author.who,
                door=author.door,
            )
    except IntegrityError:
        raise ValidationError({"repo": f"{found.repo.id} is being downloaded already."}) from None


def pause(id: int) -> Download:
    """Ends the transfer; what is there stays. Raises Http404, and ValidationError if it does not run."""
    return _turn(
        id, (State.WAITING, State.RUNNING), State.PAUSED, "It is not running, so it cannot be paused."
    )


def resume(id: int) -> Download:
    """Goes on from what is there. Raises Http404, and ValidationError if it is not paused and has not failed."""
    return _turn(id, (State.PAUSED, State.FAILED), State.WAITING, "It is neither paused nor has it failed.")


def cancel(id: int) -> Download:
    """Ends it and removes what is there. Raises Http404, and ValidationError if it is over."""
    return _turn(id, Download.OPEN, State.CANCELLED, "It is over already. Remove the model instead.")


def listing(*, after: int = 0, most: int | None = None) -> list[Shown]:
    """Those that are not over or ended of late: the oldest first, up to `most` from the one after `after`."""
    rows = Download.objects.filter(state__in=Download.OPEN) | Download.objects.filter(
        state=State.DONE, ended_at__gte=timezone.now() - DONE_SHOWN
    )
    return [shown(row) for row in rows.filter(pk__gt=after)[:most]]


def shown(row: Download) -> Shown:
    live = progress.running.get(row.pk)
    done = row.total_bytes if row.state == State.DONE else live.done_bytes if live else _bytes_there(row)
    return Shown(
        id=row.pk,
        repo=row.repo,
        state=row.state,
        done_bytes=min(done, row.total_bytes),
        total_bytes=row.total_bytes,
        bytes_per_second=live.bytes_per_second if live else 0.0,
        seconds_left=live.seconds_left if live else None,
        serve_as=row.serve_as,
        problem=row.problem,
    )


def plan_anew(row: Download, repo: Repo) -> None:
    """The plan for the version that the hub has now: what is there of it stays. Raises CannotTake, ValidationError."""
    files = plan.chosen(repo.files)
    transfer.keep_known(draft_folder(row), files, plan.read(row.files))
    row.commit, row.files = repo.commit, plan.stored(files)
    if problem := no_room(row.total_bytes - _bytes_there(row), besides=row.pk):
        raise ValidationError(problem)


def finish(row: Download) -> None:
    """The model appears under its name, whole, and is served if that was asked for."""
    folder = folder_of(row.repo)
    if draft_folder(row).exists():
        draft_folder(row).rename(folder)
    row.problem = ""
    if row.serve_as and row.serve_as not in local_models.names_of(folder):
        try:
            local_models.check_free(row.serve_as, "serve_as")
            local_models.add(name=row.serve_as, path=folder, author=Author(row.who, row.door))
        except ValidationError as error:
            row.problem = f"It is here, but not served: {' '.join(error.messages)}"[:500]


def folder_of(repo_id: str) -> Path:
    """Where a model of the hub lies once it is whole. No repository's name holds "--"."""
    return Path(settings.MODELS_DIR) / repo_id.replace("/", "--")


def drafts_folder() -> Path:
    """On the same disk as the models, so that a model appears by one rename."""
    return Path(settings.MODELS_DIR) / ".downloads"


def draft_folder(row: Download) -> Path:
    return drafts_folder() / str(row.pk)


def no_room(needed_bytes: int, besides: int = 0) -> str:
    """Why so much does not fit on the disk beside what other downloads still need; empty if it does."""
    others = Download.objects.filter(state__in=(State.WAITING, State.RUNNING)).exclude(pk=besides)
    promised = sum(max(0, row.total_bytes - shown(row).done_bytes) for row in others)
    free = _free_bytes()
    if needed_bytes + promised + ROOM_BYTES <= free:
        return ""
    also = f" and other downloads {size_text(promised)}" if promised else ""
    return (
        f"Not enough disk space: it needs {size_text(needed_bytes)}{also}, and {size_text(free)} are free in "
        f"{settings.MODELS_DIR}. Make room and try again."
    )


def _free_bytes() -> int:
    folder = Path(settings.MODELS_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(folder).free


def _why_not(repo_id: str) -> str:
    if folder_of(repo_id).exists():
        return f"{repo_id} is on this machine already."
    if Download.objects.filter(repo=repo_id, state__in=Download.OPEN).exists():
        return f"{repo_id} is being downloaded already."
    return ""


def _turn(id: int, states: tuple[str, ...], to: str, refusal: str) -> Download:
    """A state that changed meanwhile is not written over: the comparison and the write are one."""
    if not Download.objects.filter(pk=id).exclude(state=State.CANCELLED).exists():
        raise Http404(f"There is no download {id}.")
    try:
        with transaction.atomic():
            turned = Download.objects.filter(pk=id, state__in=states).update(state=to, problem="")
    except IntegrityError:
        turned = 0
    if not turned:
        raise ValidationError(refusal)
    return Download.objects.get(pk=id)


def _bytes_there(row: Download) -> int:
    return transfer.bytes_there(draft_folder(row))
