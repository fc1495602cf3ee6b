"""Who may call /api: a signed-in staff session with CSRF, or an administrator's API key as bearer."""

from django.http import HttpRequest
from ninja.security import HttpBearer
from ninja.security.session import SessionAuthIsStaff

from settings_app import api_keys
from settings_app.changes import Author
from settings_app.models import Change


class AdminKey(HttpBearer):
    """`Authorization: Bearer mlx-…`, a key made with "administrator"."""

    def authenticate(self, request: HttpRequest, token: str) -> Author | None:
        key = api_keys.find(token)
        return Author(f"key {key.name}", Change.Door.API) if key and key.is_admin else None


class StaffSession(SessionAuthIsStaff):
    """The session of a signed-in member of staff; what changes something also needs the CSRF token."""

    def __call__(self, request: HttpRequest) -> Author | None:
        if not (request.user.is_authenticated and request.user.is_staff):
            return None  # before the CSRF check: a stranger is told to sign in, not about CSRF
        super().__call__(request)
        return Author(request.user.get_username(), Change.Door.API)


def author(request: HttpRequest) -> Author:
    """The `Author` that one of the two above found."""
    found = getattr(request, "auth", None)
    assert isinstance(found, Author)
    return found
