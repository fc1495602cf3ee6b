"""Who changes settings: staff at the pages, an administrator's key at the API."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from settings_app import api_keys
from settings_app.changes import Author


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


@pytest.fixture
def bearer() -> Client:
    _, token = api_keys.create("ops", is_admin=True, author=Author("ada", "page"))
    return Client(headers={"authorization": f"Bearer {token}"})
