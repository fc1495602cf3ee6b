"""The product's own pages at /v1: a signed-in member of staff needs no key, wherever their browser is."""

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.http import HttpRequest
from ninja.utils import check_csrf

from settings_app.snapshot import Key


def is_offered(request: HttpRequest) -> bool:
    """Whether it is worth a look into the database: programs with a key, or none, never come to it."""
    return (
        "x-csrftoken" in request.headers
        and "authorization" not in request.headers
        and settings.SESSION_COOKIE_NAME in request.COOKIES
    )


def key_of(request: HttpRequest) -> Key | None:
    """Who it is, as the request log names keys. None without a good CSRF token, or for who is not staff."""
    if check_csrf(request) is not None:
        return None
    try:
        request.session = SessionStore(request.COOKIES[settings.SESSION_COOKIE_NAME])
        user = get_user(request)
    finally:
        connection.close()  # else it would stay open as long as the stream
    if not (user.is_authenticated and user.is_active and user.is_staff):
        return None
    return Key(f"page: {user.get_username()}"[:80], is_admin=False)
