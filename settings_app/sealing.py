"""Secrets at rest: sealed with a key that lies in a file beside the database and never in it.

The file holds Fernet keys, one a line. The first one seals; the others are those that a rotation is replacing. It is
written in one piece and synced, so that a crash leaves the old file or the new one.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

Keys = tuple[str, ...]


class Unsealable(Exception):
    """A secret cannot be sealed, or was sealed with a key that is not in the file. The message says what to do."""


def path() -> Path:
    return Path(settings.HOME) / "sealing_keys"


def exists() -> bool:
    return path().exists()


def problem() -> str:
    """Why the file cannot be used as it is; empty if it can, or if there is none."""
    try:
        read()
    except Unsealable as error:
        return str(error)
    return ""


def read() -> Keys:
    """The keys, the one that seals first; none without a file. Raises Unsealable if there is one that holds none."""
    try:
        keys = tuple(path().read_text("ascii").split())
        for key in keys:
            Fernet(key)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise Unsealable(f"{path()} cannot be used ({_why(error)}). {_REMEDY}") from None
    if not keys:
        raise Unsealable(f"{path()} holds no key. {_REMEDY}")
    return keys


def seal(secret: str) -> str:
    """Makes the file if there is none, so ask `exists` first where something is sealed already. Raises Unsealable."""
    try:
        if not exists():
            _write([_new_key()], replace=False)
    except OSError as error:
        raise Unsealable(f"{path()} cannot be written ({_why(error)}).") from None
    return _fernet(read()).encrypt(secret.encode()).decode()


def unseal(sealed: str, earlier: Keys = ()) -> str:
    """`earlier`: keys that were read before `sealed` was; a rotation may have dropped them since. Raises Unsealable."""
    keys = (*read(), *earlier)
    if not keys:
        raise Unsealable(f"{path()} is missing. Restore it from a backup, or enter the secret again.")
    try:
        return _fernet(keys).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unsealable(
            f"It was sealed with another key than those in {path()}. Restore that file, or enter the secret again."
        ) from None


def reseal(sealed: str) -> str:
    """The same secret under the first key. Raises Unsealable."""
    return _fernet(read()).encrypt(unseal(sealed).encode()).decode()


@contextmanager
def rotation() -> Iterator[None]:
    """One at a time, whichever process: a second one would drop the key that the first is sealing with. It waits."""
    with path().with_name("sealing_keys.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def add_key() -> None:
    """A new key seals from now on; what the others sealed can still be read."""
    _write([_new_key(), *read()])


def drop_old_keys() -> None:
    """Leaves the key that seals. What the others sealed is lost, so it is resealed and on the disk before."""
    _write(read()[:1])
    for draft in path().parent.glob(f"{_DRAFT}*"):  # of a rotation that died: it holds old keys too
        draft.unlink(missing_ok=True)


_DRAFT = ".sealing_keys."
_REMEDY = "Restore it from a backup; or delete it, and enter the API keys again."


def _fernet(keys: Keys) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _new_key() -> str:
    return Fernet.generate_key().decode()


def _why(error: Exception) -> str:
    """Never what stands in the file."""
    return (
        (error.strerror or type(error).__name__) if isinstance(error, OSError) else "a line is no Fernet key"
    )


def _write(keys: Sequence[str], *, replace: bool = True) -> None:
    """On the disk when this returns. Without `replace` a file that is there stays: of two at once the first wins."""
    descriptor, name = tempfile.mkstemp(prefix=_DRAFT, dir=path().parent)  # for its owner only
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write("".join(f"{key}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path())
        else:
            os.link(draft, path())
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder()


def _sync_folder() -> None:
    folder = os.open(path().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
