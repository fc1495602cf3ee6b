"""Who may use /v1 without a key: a signed-in member of staff, from the product's own page."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.pages import PASSWORD
from tests.server import Server
from tests.v1.asking import CHAT, SHORT

AWAY = {"x-forwarded-for": "203.0.113.7"}  # so this machine counts as any other


@contextmanager
def signed_in(server: Server, username: str, *, is_staff: bool = True) -> Iterator[httpx2.Client]:
    """A client with the cookies of somebody who has just signed in, and the token of their page."""
    if not server.rows("SELECT 1 FROM auth_user WHERE username = ?", username):
        server.environment["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
        server.manage("createsuperuser", "--noinput", "--username", username, "--email", "")
    server.rows("UPDATE auth_user SET is_staff = ? WHERE username = ?", is_staff, username)
    with server.http() as http:
        http.get("/login/")
        token = http.cookies["mlx_manager_csrf"]
        form = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": token}
        assert http.post("/login/", data=form).status_code == 302
        http.headers.update({"x-csrftoken": http.cookies["mlx_manager_csrf"], **AWAY})
        yield http


def test_staff_needs_no_key_and_is_named_in_the_log(server: Server) -> None:
    with signed_in(server, "ada") as http:
        answer = http.post(CHAT, json=SHORT, headers={"origin": server.url})
        assert answer.status_code == 200
        assert server.logged(answer.headers["x-request-id"])["api_key"] == "page: ada"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-csrftoken": "x" * 64},
        {"x-csrftoken": ""},
        {"authorization": "Bearer mlx-wrong"},
        {"cookie": "mlx_manager_session=nobody; mlx_manager_csrf=x"},
    ],
)
def test_without_the_page_s_token_or_session_a_key_is_needed(server: Server, headers: dict[str, str]) -> None:
    with signed_in(server, "ada") as http:
        answer = http.post(CHAT, json=SHORT, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_who_is_no_staff_needs_a_key(server: Server) -> None:
    with signed_in(server, "bob", is_staff=False) as http:
        assert http.post(CHAT, json=SHORT).status_code == 401


def test_another_origin_is_refused_whoever_is_signed_in(server: Server) -> None:
    with signed_in(server, "ada") as http:
        answer = http.post(CHAT, json=SHORT, headers={"origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_origin")


def test_the_pages_are_for_staff(server: Server) -> None:
    with server.http() as http:
        for path in ("/models/", "/models/try/", "/models/live/", "/models/hub/a/b/"):
            assert http.get(path).headers["location"].startswith("/login/"), path
        for path in ("/api/models/disk", "/api/models/downloads", "/api/models/hub"):
            assert http.get(path).status_code == 401, path
    with signed_in(server, "bob", is_staff=False) as http:
        for path in ("/models/", "/models/try/", "/models/live/", "/models/hub/a/b/"):
            assert http.get(path).status_code == 403, path
        assert http.post("/models/act/", data={"name": "tiny", "act": "stop"}).status_code == 403
