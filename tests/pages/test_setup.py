import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from settings_app import setup
from tests.pages import PASSWORD

FORM = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD}


def test_the_link_makes_an_administrator_and_signs_them_in(client: Client, db: None) -> None:
    assert client.get(setup.path()).status_code == 200
    response = client.post(setup.path(), FORM)
    assert response.status_code == 302
    assert response.headers["location"] == reverse("settings")
    user = User.objects.get(username="ada")
    assert user.is_superuser
    assert client.session["_auth_user_id"] == str(user.pk)


def test_the_link_works_once(client: Client, admin: User) -> None:
    response = client.post(setup.path(), FORM | {"username": "eve"})
    assert response.status_code == 404
    assert "An administrator exists" in response.text
    assert not User.objects.filter(username="eve").exists()


@pytest.mark.parametrize("token", ["wrong", "é"])
def test_a_wrong_token_says_what_to_do(client: Client, db: None, token: str) -> None:
    response = client.get(reverse("setup", args=[token]))
    assert response.status_code == 404
    assert "prints a fresh one" in response.text


def test_a_weak_password_is_refused_beside_its_field(client: Client, db: None) -> None:
    response = client.post(setup.path(), FORM | {"password1": "12345", "password2": "12345"})
    assert response.status_code == 422
    assert "too short" in response.text
    assert 'value="ada"' in response.text
    assert setup.is_open()


def test_two_at_once_make_one_administrator(transactional_db: None) -> None:
    outcomes: list[str] = []

    def create(name: str) -> None:
        try:
            setup.create_administrator(name, PASSWORD)
            outcomes.append("made")
        except setup.AlreadySetUp:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=create, args=[name]) for name in ("ada", "eve")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused"]
    assert User.objects.filter(is_superuser=True).count() == 1
