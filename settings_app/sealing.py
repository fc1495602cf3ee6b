"""Secrets at rest: sealed with a key that lies in a file beside the database and never in it.

The file holds Fernet keys, one a line. The first one seals; the others are those that a rotation is replacing.
"""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class Unsealable(Exception):
    """The secret was sealed with a key that is not in the file. The message says what to do."""


def path() -> Path:
    return Path(settings.HOME) / "sealing_keys"


def seal(secret: str) -> str:
    return MultiFernet(_keys()).encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Raises Unsealable."""
    try:
        return MultiFernet(_keys()).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unsealable(
            f"It was sealed with another key than those in {path()}. Restore that file, or enter the secret again."
        ) from None


def _keys() -> list[Fernet]:
    try:
        if not path().exists():
            _make()
        return [Fernet(line) for line in path().read_text().split()]
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{path()} cannot be used: {error}. Restore it from a backup.") from error


def _make() -> None:
    draft = path().with_name(f".sealing_keys.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(Fernet.generate_key() + b"\n")
    try:
        os.link(draft, path())  # of two processes at once, the second finds the first one's key
    except FileExistsError:
        pass
    finally:
        draft.unlink()
