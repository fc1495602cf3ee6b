import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from settings_app import setup
from settings_app.urls import urlpatterns
from tests.pages import PASSWORD

PUBLIC = {"login", "setup"}
LONGER = "an even longer one"


def _address(pattern: URLPattern) -> str:
    samples = {"token": "x", "pk": 1, "change_id": 1, "rule_id": 1, "key": "chat"}
    return reverse(pattern.name or "", kwargs={name: samples[name] for name in pattern.pattern.converters})


@pytest.mark.parametrize("pattern", [p for p in urlpatterns if p.name not in PUBLIC], ids=lambda p: p.name)
def test_every_page_is_closed_to_strangers(client: Client, db: None, pattern: URLPattern) -> None:
    for method in (client.get, client.post):
        response = method(_address(pattern))
        if pattern.name == "logout" and response.status_code == 405:
            continue
        assert response.status_code == 302
        assert response.headers["location"].startswith("/login/")


@pytest.mark.parametrize("name", ["settings", "history", "keys"])
def test_who_is_not_staff_gets_403(client: Client, plain_user: User, name: str) -> None:
    client.force_login(plain_user)
    response = client.get(reverse(name))
    assert response.status_code == 403
    assert "for staff" in response.text


def test_sign_in_and_out(client: Client, admin: User) -> None:
    response = client.post("/login/", {"username": "ada", "password": PASSWORD, "next": "/keys/"})
    assert response.headers["location"] == "/keys/"
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["location"] == "/login/"
    assert client.get("/keys/").status_code == 302


def test_a_wrong_password_says_so_and_keeps_the_name(client: Client, admin: User) -> None:
    response = client.post("/login/", {"username": "ada", "password": "nope"})
    assert "Please enter a correct username" in response.text
    assert 'value="ada"' in response.text


def test_while_there_is_no_administrator_sign_in_says_where_the_link_is(client: Client, db: None) -> None:
    response = client.get("/login/")
    assert "printed in its terminal" in response.text
    assert setup.token() not in response.text


def test_too_many_attempts_say_how_long_and_what_helps(client: Client, admin: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        response = client.post("/login/", {"username": "ada", "password": "nope"})
    assert response.status_code == 429
    assert "for 15 min" in response.text
    assert "axes_reset" in response.text
    assert client.post("/login/", {"username": "ada", "password": PASSWORD}).status_code == 429


def test_a_password_can_be_changed(client: Client, admin: User) -> None:
    client.force_login(admin)
    fields = {
        "old_password": PASSWORD,
        "new_password1": LONGER,
        "new_password2": LONGER,
    }
    assert client.post("/password/", fields, follow=True).status_code == 200
    admin.refresh_from_db()
    assert admin.check_password(LONGER)


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
def test_error_pages_render_without_a_request(name: str) -> None:
    assert "Go to MLX Manager" in render_to_string(f"{name}.html")


def test_an_unknown_address_is_a_page(client: Client, admin: User) -> None:
    client.force_login(admin)
    response = client.get("/no/such/page/")
    assert response.status_code == 404
    assert "There is nothing here" in response.text


def test_a_form_without_csrf_is_refused(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    response = client.post(reverse("keys-create"), {"name": "x"})
    assert response.status_code == 403
    assert "This form has expired" in response.text


def test_all_names_resolve() -> None:
    assert all(get_resolver().reverse_dict.getlist(p.name) for p in urlpatterns)
