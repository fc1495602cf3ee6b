import base64
import re

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from settings_app import api_keys
from settings_app.changes import Author
from settings_app.models import Access, ApiKey, Change

AUTHOR = Author("ada", Change.Door.PAGE)


@pytest.fixture
def staff(client: Client, admin: User) -> Client:
    client.force_login(admin)
    return client


def _shown_token(text: str) -> str:
    found = re.search(r'value="(mlx-[^"]+)"', text)
    assert found
    return found[1]


def test_a_key_is_32_random_bytes_and_only_its_hash_is_kept(db: None) -> None:
    key, token = api_keys.create("laptop", is_admin=False, author=AUTHOR)
    assert len(base64.urlsafe_b64decode(token.removeprefix("mlx-") + "=")) == 32
    key.refresh_from_db()
    assert key.digest == api_keys.digest(token)
    assert key.last4 == token[-4:]
    stored = str(list(ApiKey.objects.values())) + str(list(Change.objects.values()))
    assert token not in stored
    assert key.digest not in str(list(Change.objects.values()))


def test_names_are_unique(db: None) -> None:
    api_keys.create("laptop", is_admin=False, author=AUTHOR)
    with pytest.raises(ValidationError) as raised:
        api_keys.create(" laptop ", is_admin=False, author=AUTHOR)
    assert list(raised.value.message_dict) == ["name"]


def test_the_page_shows_a_new_key_once(staff: Client) -> None:
    response = staff.post(reverse("keys-create"), {"name": "laptop", "is_admin": "on"})
    token = _shown_token(response.text)
    assert ApiKey.objects.get(digest=api_keys.digest(token)).is_admin
    assert "no-store" in response.headers["cache-control"]
    again = staff.get(reverse("keys"))
    assert token not in again.text
    assert f"mlx-…{token[-4:]}" in again.text


def test_a_reload_of_the_answer_makes_no_second_key(staff: Client) -> None:
    staff.post(reverse("keys-create"), {"name": "laptop"})
    response = staff.post(reverse("keys-create"), {"name": "laptop"})
    assert response.status_code == 422
    assert "exists already" in response.text
    assert ApiKey.objects.count() == 1


def test_htmx_gets_the_section_alone(staff: Client) -> None:
    response = staff.post(reverse("keys-create"), {"name": ""}, headers={"HX-Request": "true"})
    assert response.status_code == 422
    assert "<html" not in response.text
    assert "Give the key a name" in response.text


def test_revoking_asks_first_and_is_recorded(staff: Client) -> None:
    key, _ = api_keys.create("laptop", is_admin=False, author=AUTHOR)
    address = reverse("keys-revoke", args=[key.pk])
    assert "Revoke “laptop”?" in staff.get(address).text
    assert ApiKey.objects.exists()
    assert "is revoked" in staff.post(address, follow=True).text
    assert not ApiKey.objects.exists()
    assert Change.objects.latest("id").who == "ada"
    assert staff.post(address).status_code == 404


def test_the_switch_is_stored_and_recorded(staff: Client) -> None:
    staff.post(reverse("keys-access"), {"require_key_on_loopback": "on"})
    assert Access.objects.get().require_key_on_loopback
    change = Change.objects.latest("id")
    assert (change.field, change.old, change.new) == ("require_key_on_loopback", False, True)
    staff.post(reverse("keys-access"), {})
    assert not Access.objects.get().require_key_on_loopback


def test_the_command_prints_the_key_alone_on_the_last_line(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("create_api_key", "ci", "--admin")
    token = capsys.readouterr().out.splitlines()[-1]
    key = ApiKey.objects.get(digest=api_keys.digest(token))
    assert (key.name, key.is_admin) == ("ci", True)
    assert Change.objects.latest("id").door == Change.Door.COMMAND


def test_the_command_refuses_a_name_that_is_taken(db: None) -> None:
    call_command("create_api_key", "ci")
    with pytest.raises(CommandError, match="There is a key of this name already"):
        call_command("create_api_key", "ci")
