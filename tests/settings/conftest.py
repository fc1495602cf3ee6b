"""Who changes settings: staff at the pages, an administrator's key at the API."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from settings_app import api_keys
from settings_app.changes import Author
from settings_app.models import Provider
from tests.settings.ruling import URL, Call


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.fixture
def bearer() -> Client:
    _, token = api_keys.create("ops", is_admin=True, author=Author("ada", "page"))
    return Client(headers={"authorization": f"Bearer {token}"})


@pytest.fixture
def call(bearer: Client) -> Call:
    def ask(method: str, path: str, body: Any = None) -> Any:
        return bearer.generic(method, URL + path, json.dumps(body), "application/json")

    return ask


@pytest.fixture
def afar() -> Provider:
    return Provider.objects.create(name="Afar", base_url="https://afar.example/v1")
