"""A download's process: fetches the files of a plan into a folder and says how far it is, a line of JSON at a time.

It is a process of its own so that no stream is disturbed: reading 100 MB/s off a socket and hashing it would take half
of the event loop's time. It needs no Django. Pausing it is ending it, for it goes on from what is on the disk; and it
leaves when the server does, however that ends, because its standard input closes then.
"""

import errno
import fcntl
import json
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from inference.hub.plan import CannotTake, HubFile, read
from inference.hub.transfer import Failed, Patience, fetch

SAY_SECONDS = 0.25


@dataclass
class Progress:
    """Bytes of the whole download that are on the disk. Said at intervals, also when they stand still after some."""

    finished_bytes: int = 0
    done_bytes: int = 0

    def note(self, bytes_of_file: int) -> None:
        self.done_bytes = self.finished_bytes + bytes_of_file

    def finish(self, file: HubFile) -> None:
        self.finished_bytes += file.size_bytes
        self.done_bytes = self.finished_bytes

    def say_forever(self) -> None:
        said = -1
        while True:
            if said != self.done_bytes:
                said = self.done_bytes
                say(done_bytes=said)
            time.sleep(SAY_SECONDS)


def say(**what: Any) -> None:
    """One write, so that a line is whole whichever thread says it."""
    os.write(sys.stdout.fileno(), json.dumps(what).encode() + b"\n")


def main() -> int:
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_the_server, daemon=True).start()
    folder = Path(job["folder"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _wait_for_the_last_one(folder)
        _fetch_all(job, folder)
    except (Failed, CannotTake) as error:
        say(failed=str(error))
        return 1
    except OSError as error:
        say(failed=_disk_words(error, folder))
        return 1
    say(complete=True)
    return 0


def _fetch_all(job: dict[str, Any], folder: Path) -> None:
    patience = Patience(**job.get("patience", {}))
    timeout = httpx2.Timeout(patience.stall_seconds)
    progress = Progress()
    threading.Thread(target=progress.say_forever, daemon=True).start()
    with httpx2.Client(timeout=timeout, follow_redirects=True, headers=job["headers"]) as client:
        for file in read(job["files"]):
            fetch(client, job["url"] + _quoted(file.path), file, folder, patience, progress.note)
            progress.finish(file)


def _wait_for_the_last_one(folder: Path) -> None:
    """The worker of a server that was killed may take a moment to leave. The kernel lets go of its lock."""
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)


def _quoted(path: str) -> str:
    return str(httpx2.URL("http://hub/").copy_with(path=f"/{path}").raw_path, "ascii").removeprefix("/")


def _disk_words(error: OSError, folder: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"The disk of {folder.parent} is full. What came so far is kept: make room and resume."
    return f"Cannot write to {folder}: {error.strerror or error}. Mend that and resume."


def _leave_with_the_server() -> None:
    sys.stdin.read()
    os._exit(2)


if __name__ == "__main__":
    sys.exit(main())
