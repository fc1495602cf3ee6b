"""The first administrator, made through a one-time link that the server prints when it starts.

The token lives in this process's memory only: whoever can read the terminal may use it, and a restart
makes the next one.
"""

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse

from settings_app.models import Access

_token: str | None = None


class AlreadySetUp(Exception):
    """An administrator exists; the link is spent."""


def is_open() -> bool:
    """Whether there is no administrator yet, so that the link still leads somewhere."""
    return not get_user_model().objects.filter(is_superuser=True).exists()


def token() -> str:
    """This process's token, made on first use."""
    global _token
    if _token is None:
        _token = secrets.token_urlsafe(32)
    return _token


def path() -> str:
    """The link without scheme and host, for whoever prints it."""
    return reverse("setup", args=[token()])


def admits(offered: str) -> bool:
    return secrets.compare_digest(offered.encode(), token().encode()) and is_open()


def create_administrator(username: str, password: str) -> User:
    """Raises AlreadySetUp if somebody else was faster."""
    with transaction.atomic():
        # SQLite's IMMEDIATE transaction admits one writer; elsewhere this row is the lock.
        list(Access.objects.select_for_update())
        if not is_open():
            raise AlreadySetUp
        return get_user_model().objects.create_superuser(username=username, password=password)
