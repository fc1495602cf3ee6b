"""What is in flight, in a file that a killed process leaves behind: the next start marks it as interrupted.

A shared mapping of fixed slots. Beginning a request is a write into memory (3 µs) and no system call; the kernel keeps
what was written however the process dies. A power cut may lose it.
"""

import fcntl
import logging
import mmap
from pathlib import Path
from typing import IO, Any

import msgspec

log = logging.getLogger(__name__)

SLOTS = 16_384  # requests that run or wait to be written; one more leaves no trace
SLOT_BYTES = 1024
NAME = "in_flight."
_LENGTH_BYTES = 2


class Journal:
    """A slot is taken while a request runs and until its row is written. `owner`: a name that no other process had."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._path = folder / f"{NAME}{owner}"
        self._path.touch(mode=0o600)
        self._file = self._path.open("r+b")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._file.truncate(SLOTS * SLOT_BYTES)  # sparse: only slots that were used take room on the disk
        self._memory = mmap.mmap(self._file.fileno(), SLOTS * SLOT_BYTES)
        self._free = list(range(SLOTS - 1, -1, -1))
        self._taken: dict[str, int] = {}

    def begin(self, id: str, told: dict[str, Any]) -> None:
        text = msgspec.json.encode(told)
        if len(text) > SLOT_BYTES - _LENGTH_BYTES or not self._free:
            return
        slot = self._taken[id] = self._free.pop()
        at = slot * SLOT_BYTES
        self._memory[at + _LENGTH_BYTES : at + _LENGTH_BYTES + len(text)] = text
        self._memory[at : at + _LENGTH_BYTES] = len(text).to_bytes(_LENGTH_BYTES)  # last: now it is valid

    def end(self, id: str) -> None:
        slot = self._taken.pop(id, None)
        if slot is not None:
            at = slot * SLOT_BYTES
            self._memory[at : at + _LENGTH_BYTES] = bytes(_LENGTH_BYTES)
            self._free.append(slot)

    def close(self) -> None:
        """In order, with nothing left in it."""
        self._memory.close()
        if not self._taken:
            self._path.unlink(missing_ok=True)
        self._file.close()


def left_behind(folder: Path) -> list[tuple[Path, list[dict[str, Any]]]]:
    """The journals of processes that are gone, and what was in flight in each."""
    found = []
    for path in sorted(folder.glob(f"{NAME}*")):
        with path.open("rb") as file:
            if _is_free(file):
                found.append((path, _entries(file.read())))
    return found


def _is_free(file: IO[bytes]) -> bool:
    """Whoever writes a journal holds a lock on it, which goes with the process."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _entries(data: bytes) -> list[dict[str, Any]]:
    entries = []
    for at in range(0, len(data), SLOT_BYTES):
        begin = at + _LENGTH_BYTES
        length = int.from_bytes(data[at:begin])
        if not length:
            continue
        try:
            entries.append(msgspec.json.decode(data[begin : begin + length], type=dict[str, Any]))
        except msgspec.DecodeError:
            log.warning("a request that was interrupted cannot be read back: its slot is damaged")
    return entries
