"""What the process environment may say. A value that cannot be used ends the start, by name."""

import math
import os
import secrets
from pathlib import Path

import platformdirs
from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def words(name: str) -> list[str]:
    return [word.strip() for word in text(name).split(",") if word.strip()]


def positive_seconds(name: str) -> float | None:
    value = text(name)
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise ImproperlyConfigured(f"{name} must be a number of seconds above 0, not {value!r}.")
    return seconds


def memory_bytes(name: str) -> int:
    """The machine's memory; in a container with less than that, what `name` says."""
    value = text(name)
    if not value:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if not (value.isascii() and value.isdigit() and int(value) > 0):
        raise ImproperlyConfigured(f"{name} must be a whole number of bytes above 0, not {value!r}.")
    return int(value)


def home() -> Path:
    """The folder of everything that outlives a restart: database, secret key, models.

    `MLX_MANAGER_HOME`, or the platform's data folder. Made on first use, for its owner only.
    """
    folder = text("MLX_MANAGER_HOME") or platformdirs.user_data_dir("mlx-manager", appauthor=False)
    path = Path(folder).expanduser().resolve()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"MLX_MANAGER_HOME: cannot make {path}: {error}.") from error
    return path


def secret_key(folder: Path) -> str:
    """Django's SECRET_KEY, made once and kept in a file that only its owner reads."""
    path = folder / "secret_key"
    try:
        if not path.exists():
            _make_secret_key(path)
        key = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"MLX_MANAGER_HOME: cannot use {folder}: {error}.") from error
    except UnicodeDecodeError:
        key = ""
    if not key:
        # Not mended by making another one: what this one signed or sealed would be lost without a word.
        raise ImproperlyConfigured(
            f"{path} holds no key. Restore it from a backup, or delete it: the next start makes a new one, and "
            "everyone has to sign in again."
        )
    return key


def _make_secret_key(path: Path) -> None:
    draft = path.with_name(f".secret_key.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48))
    try:
        os.link(draft, path)  # a second process that starts at once finds the first one's key
    except FileExistsError:
        pass
    finally:
        draft.unlink()
