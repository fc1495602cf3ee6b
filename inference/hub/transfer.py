"""One file from the hub to its place: from the bytes that are there, checked, and only then under its name."""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2

from inference.hub.plan import HubFile, check_path

HASH_BYTES = 2**20

Note = Callable[[int], None]
"""Called with the bytes of the file that are on the disk."""


class Failed(Exception):
    """The download stops here, and what came so far is kept. The message says what to do."""


class Broken(Exception):
    """The connection or the hub failed in a way that may pass."""


@dataclass(frozen=True)
class Patience:
    """`stall_seconds`: without a byte until the connection is given up. `pauses`: seconds before each new try."""

    stall_seconds: float = 30.0
    pauses: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 20.0)


def fetch(
    client: httpx2.Client, url: str, file: HubFile, folder: Path, patience: Patience, note: Note
) -> None:
    """Puts `file` into `folder`, unless it is there. Raises Failed, and OSError of the disk.

    A file under its own name was checked; while it comes it is called like it and `.part`.
    """
    place = _place(file, folder)
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(place)
    resumed = part.size > 0
    _complete(client, url, file, part, patience, note)
    if not _is_right(part.path, file):
        part.remove()
        if not resumed:
            raise Failed(_wrong(file))
        note(0)  # what was there may have been of another version, or half written when the power failed
        _complete(client, url, file, part, patience, note)
        if not _is_right(part.path, file):
            part.remove()
            raise Failed(_wrong(file))
    part.become(place)


def keep_known(folder: Path, files: list[HubFile], before: list[HubFile]) -> None:
    """Removes from `folder` what is not of these files; what was fetched for another version is fetched anew."""
    known = {(file.path, file.checksum) for file in before}
    kept = {folder / file.path for file in files if (file.path, file.checksum) in known}
    for found in [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()]:
        name = found.name.removesuffix(".etag").removesuffix(".part")
        if found.with_name(name) not in kept:
            found.unlink()


def bytes_there(folder: Path) -> int:
    """Of a download that is not finished."""
    found = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            found += path.stat().st_size if path.is_file() and path.suffix != ".etag" else 0
    return found


class _Part:
    """A file on its way. Beside it stands the ETag of the version that its bytes are of."""

    def __init__(self, place: Path) -> None:
        self.path = place.with_name(f"{place.name}.part")
        self._etag = place.with_name(f"{place.name}.part.etag")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def etag(self) -> str:
        return self._etag.read_text() if self._etag.exists() else ""

    def begin(self, etag: str) -> None:
        self.path.write_bytes(b"")
        self._etag.write_text(etag)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._etag.unlink(missing_ok=True)

    def become(self, place: Path) -> None:
        with self.path.open("rb") as written:
            os.fsync(written.fileno())
        self.path.replace(place)
        self._etag.unlink(missing_ok=True)


def _place(file: HubFile, folder: Path) -> Path:
    check_path(file.path)
    place = folder / file.path
    if not place.resolve().is_relative_to(folder.resolve()):
        raise Failed(f"{file.path} would lie outside the model's folder.")
    return place


def _complete(
    client: httpx2.Client, url: str, file: HubFile, part: _Part, patience: Patience, note: Note
) -> None:
    """All bytes of the file, in as many tries as that takes while each brings it on."""
    tries = 0
    while part.size != file.size_bytes or not part.path.exists():
        before = part.size
        try:
            _try(client, url, file, part, note)
        except Broken as broken:
            tries = tries + 1 if part.size <= before else 1
            if tries > len(patience.pauses):
                raise Failed(f"{broken} Resume it later.") from None
            time.sleep(patience.pauses[tries - 1])


def _try(client: httpx2.Client, url: str, file: HubFile, part: _Part, note: Note) -> None:
    offset = part.size
    if offset > file.size_bytes:
        offset = 0
    headers = {"accept-encoding": "identity"}
    if offset and part.etag:
        headers |= {"range": f"bytes={offset}-", "if-range": part.etag}
    try:
        with client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == 416:
                part.remove()
            _check(answer, file, offset)
            if answer.status_code != 206:
                part.begin(_strong(answer.headers.get("etag", "")))
            _write(answer, file, part, note)
    except httpx2.TimeoutException:
        raise Broken(f"The hub went silent while {file.path} came.") from None
    except httpx2.HTTPError as error:
        raise Broken(
            f"The connection to the hub broke while {file.path} came ({type(error).__name__})."
        ) from None


def _strong(etag: str) -> str:
    """A weak one does not say that the bytes are the same: such a file starts over."""
    return "" if etag.startswith("W/") else etag


def _check(answer: httpx2.Response, file: HubFile, offset: int) -> None:
    status = answer.status_code
    if status in (200, 206):
        said = answer.headers.get("content-range", "")
        if status == 206 and not said.startswith(f"bytes {offset}-"):
            raise Broken("The hub sent another part than was asked for.")
        return
    if status in (401, 403):
        raise Failed(
            f"The hub refuses {file.path} (status {status}). If the model is gated, ask for access on its page at the "
            "hub and start the server with HF_TOKEN set; then resume."
        )
    if status in (404, 410):
        raise Failed(f"The hub does not have {file.path} any more. Resume takes the version that it has now.")
    if status == 416:
        raise Broken(f"The hub has less of {file.path} than was here.")
    raise Broken(f"The hub answered with status {status}.")


def _write(answer: httpx2.Response, file: HubFile, part: _Part, note: Note) -> None:
    written = part.size
    with part.path.open("ab", buffering=0) as out:
        for chunk in answer.iter_raw():
            written += len(chunk)
            if written > file.size_bytes:
                part.remove()
                raise Failed(
                    f"The hub sends more of {file.path} than it said it has. Nothing of it was kept."
                )
            _write_all(out.fileno(), chunk)
            note(written)


def _write_all(descriptor: int, chunk: bytes) -> None:
    """A disk that fills up takes a part, and refuses the rest."""
    left = memoryview(chunk)
    while left:
        left = left[os.write(descriptor, left) :]


def _is_right(path: Path, file: HubFile) -> bool:
    """Reads what is on the disk, not what came: that is what will be served."""
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(usedforsecurity=False)
    if not file.sha256:
        digest.update(f"blob {file.size_bytes}\0".encode())
    with path.open("rb") as content:
        while chunk := content.read(HASH_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == file.checksum


def _wrong(file: HubFile) -> str:
    return (
        f"{file.path} is not what the hub says it is: its checksum differs. It was thrown away. Resume fetches it "
        "again; if that ends the same, do not use this model."
    )
