"""What is in flight, in a file that a killed process leaves behind: the next start marks it as interrupted.

Fixed slots in a file. Beginning a request is one write of one page, which the kernel keeps however the process dies. It
takes 2 µs in a slot that was used before, 5 µs in a new one (median; Linux, ext4, a virtual machine with 2 busy x86
cores). A power cut may lose it. Not a mapping in memory: a store into that on a full disk is a SIGBUS, where a write
is refused.
"""

import fcntl
import logging
import os
from pathlib import Path
from typing import IO, Any

import msgspec

log = logging.getLogger(__name__)

SLOTS = 16_384  # requests that are here or wait to be written; one more leaves no trace
SLOT_BYTES = 4096  # a page; the longest trace, two names of 200 control characters in it, is 3.7 KB
NAME = "in_flight."
_LENGTH_BYTES = 2


class Journal:
    """A slot is taken from a request's arrival until its row is written. `owner`: a name that no other process had.

    On a full disk a request goes on without a trace; the first time that is said in the server's log.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        """Raises OSError."""
        self._path = folder / f"{NAME}{owner}"
        self._path.touch(mode=0o600)
        self._file = self._path.open("r+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.truncate(SLOTS * SLOT_BYTES)  # sparse: only slots that were used take room on the disk
        except OSError:
            self._file.close()
            raise
        self._free = list(range(SLOTS - 1, -1, -1))
        self._taken: dict[str, int] = {}
        self._has_warned = False

    def begin(self, id: str, told: dict[str, Any]) -> None:
        """Also to say more of one that has begun."""
        slot = self._taken.get(id)
        if slot is None:
            if not self._free:
                return
            slot = self._free.pop()
        text = msgspec.json.encode(told)
        if self._put(slot, len(text).to_bytes(_LENGTH_BYTES) + text):
            self._taken[id] = slot
        elif id not in self._taken:
            self._free.append(slot)

    def end(self, id: str) -> None:
        slot = self._taken.pop(id, None)
        if slot is not None:
            self._put(slot, bytes(_LENGTH_BYTES))
            self._free.append(slot)

    def close(self) -> None:
        """In order, with nothing left in it."""
        if not self._taken:
            self._path.unlink(missing_ok=True)
        self._file.close()

    def _put(self, slot: int, data: bytes) -> bool:
        """Whether all of it is in the slot; a part is none."""
        try:
            if len(data) > SLOT_BYTES:
                raise OSError(f"{len(data)} bytes are more than a slot takes")
            if os.pwrite(self._file.fileno(), data, slot * SLOT_BYTES) == len(data):
                return True
            os.pwrite(self._file.fileno(), bytes(_LENGTH_BYTES), slot * SLOT_BYTES)
            raise OSError("the disk took only a part")
        except OSError as error:
            self._warn(error)
            return False

    def _warn(self, error: OSError) -> None:
        if not self._has_warned:
            log.warning(
                "%s cannot be written (%s): a kill may leave requests out of the log", self._path, error
            )
        self._has_warned = True


def left_behind(folder: Path) -> list[tuple[Path, list[dict[str, Any]]]]:
    """The journals of processes that are gone, and what was in flight in each."""
    found = []
    for path in sorted(folder.glob(f"{NAME}*")):
        with path.open("rb") as file:
            if _is_free(file):
                found.append((path, _entries(file)))
    return found


def _is_free(file: IO[bytes]) -> bool:
    """Whoever writes a journal holds a lock on it, which goes with the process."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _entries(file: IO[bytes]) -> list[dict[str, Any]]:
    entries = []
    while slot := file.read(SLOT_BYTES):
        length = int.from_bytes(slot[:_LENGTH_BYTES])
        if not length:
            continue
        try:
            text = slot[_LENGTH_BYTES : _LENGTH_BYTES + length]
            entries.append(msgspec.json.decode(text, type=dict[str, Any]))
        except msgspec.DecodeError:
            log.warning("a request that was interrupted cannot be read back: its slot is damaged")
    return entries
