"""Carries downloads out while the server lives: a process for each that runs, at most a few at once."""

import asyncio
import contextlib
import json
import logging
import shutil
import sys
from dataclasses import dataclass, field

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from inference.hub import catalogue, downloads, plan, progress, transfer
from inference.hub.catalogue import HubError
from inference.hub.progress import Progress
from settings_app.models import Download
from settings_app.watch import watch

log = logging.getLogger(__name__)

MOST_AT_ONCE = 2  # one fills most lines; a second one lets a small model past a large one
LOOK_SECONDS = 0.1
State = Download.State
WANTED = (State.WAITING, State.RUNNING, State.CANCELLED)


@dataclass
class Downloader:
    _tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)

    async def run_forever(self) -> None:
        """What ran when the last server ended goes on by itself."""
        seen: int | None = None
        try:
            while True:
                try:
                    version = watch().version()
                    if seen is None:
                        await sync_to_async(_remove_orphans)()
                    if version != seen and (self._tasks or _is_any_wanted()):
                        await self._look()
                    seen = version
                except Exception:
                    log.exception("downloads could not be looked after; it is tried again")
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._stop(list(self._tasks))

    async def _look(self) -> None:
        """Ends what is no longer wanted, and begins what waits."""
        rows = {row.pk: row for row in await sync_to_async(_wanted)()}
        self._tasks = {id: task for id, task in self._tasks.items() if not task.done()}
        await self._stop([id for id in self._tasks if id not in rows or rows[id].state != State.RUNNING])
        for row in rows.values():
            if row.state == State.CANCELLED:
                await asyncio.to_thread(shutil.rmtree, downloads.draft_folder(row), ignore_errors=True)
                await sync_to_async(row.delete)()
            elif row.state == State.RUNNING and row.pk not in self._tasks:  # of a server that ended
                await sync_to_async(_turn)(row, State.RUNNING, State.WAITING)
            elif row.state == State.WAITING and len(self._tasks) < MOST_AT_ONCE:
                await self._begin(row)

    async def _begin(self, row: Download) -> None:
        if await sync_to_async(_turn)(row, State.WAITING, State.RUNNING):
            self._tasks[row.pk] = asyncio.create_task(_carry_out(row))

    async def _stop(self, ids: list[int]) -> None:
        tasks = [self._tasks.pop(id) for id in ids]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


downloader = Downloader()


def _remove_orphans() -> None:
    """What lies there of no download: its row went when the last server ended."""
    known = {str(id) for id in Download.objects.values_list("id", flat=True)}
    for folder in downloads.drafts_folder().glob("*"):
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)


def _is_any_wanted() -> bool:
    """Costs microseconds; anything that is written lets it be asked."""
    states = ", ".join(f"'{state}'" for state in WANTED)
    return watch().any(Download._meta.db_table, f"state IN ({states})")


def _wanted() -> list[Download]:
    return list(Download.objects.filter(state__in=WANTED))


def _turn(row: Download, state: str, to: str, problem: str = "") -> bool:
    """False if a door has turned it into something else meanwhile."""
    values = {"state": to, "problem": problem[:500], "commit": row.commit, "files": row.files}
    if to in (State.DONE, State.FAILED):
        values["ended_at"] = timezone.now()
    return bool(Download.objects.filter(pk=row.pk, state=state).update(**values))


async def carry_out_alone(id: int) -> None:
    """One download, where no server runs that would do it."""
    row = await Download.objects.aget(pk=id)
    if await sync_to_async(_turn)(row, State.WAITING, State.RUNNING):
        await _carry_out(row)


async def _carry_out(row: Download) -> None:
    """The row's state says in the end how it went. Cancelled: the transfer stops, what is there stays."""
    try:
        problem = await _fetch(row)
    except (HubError, plan.CannotTake) as error:
        problem = str(error)
    except ValidationError as error:
        problem = " ".join(error.messages)
    except OSError as error:
        problem = f"Cannot write the model: {error.strerror or error}."
    except Exception:
        log.exception("the download of %s failed", row.repo)
        problem = "The server failed on it; its log has the reason."
    finally:
        progress.running.pop(row.pk, None)
    if problem:
        log.warning("download of %s: %s", row.repo, problem)
        await sync_to_async(_turn)(row, State.RUNNING, State.FAILED, problem)


async def _fetch(row: Download) -> str:
    """What went wrong; empty if the model is here."""
    folder = downloads.draft_folder(row)
    if not folder.exists() and downloads.folder_of(row.repo).exists():
        await sync_to_async(_finish)(row)  # the last server ended between the rename and the row
        return ""
    if folder.exists():
        repo = await asyncio.to_thread(catalogue.repo, row.repo)
        await sync_to_async(downloads.plan_anew)(row, repo)
    there = await asyncio.to_thread(transfer.bytes_there, folder)
    progress.running[row.pk] = Progress(row.total_bytes, there)
    problem = await _run_worker(row)
    if not problem:
        await sync_to_async(_finish)(row)
    return problem


def _finish(row: Download) -> None:
    """Nothing, if a door has paused or cancelled it.

    The claim comes before the rename, in one transaction: a door that comes then waits for the database, and finds it
    over. Whatever breaks off in between, the server too, leaves the row running as it was; the next one starts anew
    with what it finds, the draft or the model.
    """
    with transaction.atomic():
        if not _turn(row, State.RUNNING, State.DONE):
            return
        downloads.finish(row)
        Download.objects.filter(pk=row.pk).update(problem=row.problem)
    log.info("download of %s is complete", row.repo)


async def _run_worker(row: Download) -> str:
    command = (sys.executable, "-m", "inference.hub.worker")
    pipe = asyncio.subprocess.PIPE
    worker = await asyncio.create_subprocess_exec(*command, cwd=settings.BASE_DIR, stdin=pipe, stdout=pipe)
    assert worker.stdin and worker.stdout
    try:
        worker.stdin.write(json.dumps(_job(row)).encode() + b"\n")
        async for line in worker.stdout:
            said = json.loads(line)
            if "done_bytes" in said:
                progress.running[row.pk].note(said["done_bytes"])
            elif "complete" in said:
                return ""
            else:
                return str(said["failed"])
        status = await worker.wait()
        return f"Its process ended (exit status {status}). Resume it."
    finally:
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()


def _job(row: Download) -> dict[str, object]:
    return {
        "url": f"{catalogue.endpoint()}/{row.repo}/resolve/{row.commit}/",
        "headers": catalogue.headers(),
        "folder": str(downloads.draft_folder(row)),
        "files": row.files,
    }
