"""The cloud providers through their doors: what is taken, what is refused, and where the key stays."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from settings_app import api_keys, providers, sealing, stored
from settings_app.changes import Author
from settings_app.models import Change, Provider
from settings_app.models.provider import NOT_A_KEY

pytestmark = pytest.mark.django_db
URL = "/api/settings/providers"
KEY = "sk-planted-0123456789abcdef"
AFAR = {"name": "Afar", "base_url": "https://afar.example/v1", "api_key": KEY}
Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Path:
    settings.HOME = tmp_path
    return tmp_path


@pytest.fixture
def call() -> Call:
    """(method, path below the providers, body) → the answer, with an administrator's key."""
    _, token = api_keys.create("ops", is_admin=True, author=Author("ada", "page"))
    client = Client(headers={"authorization": f"Bearer {token}"})

    def ask(method: str, path: str = "", body: Any = None) -> Any:
        address = path if path.startswith("/api") else URL + path
        return client.generic(method, address, json.dumps(body), "application/json")

    return ask


def said(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.content
    return {error["loc"][-1]: error["msg"] for error in answer.json()["detail"]}


def test_a_provider_has_what_was_said_and_gives_no_key_out(call: Call, home: Path) -> None:
    answer = call("POST", "", AFAR)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert made == {
        "id": made["id"],
        "name": "Afar",
        "protocol": "openai",
        "base_url": "https://afar.example/v1",
        "has_key": True,
        "key_last4": "cdef",
        "allow_private": False,
        "enabled": True,
        "problem": "",
        "tested_at": None,
        "test_passed": None,
        "test_said": "",
        "test_ms": None,
    }
    assert call("GET", f"/{made['id']}").json() == made
    assert call("GET").json() == {"providers": [made], "next_after": None}
    row = Provider.objects.get()
    assert KEY not in str(Provider.objects.values())
    assert sealing.unseal(row.sealed_key) == KEY
    assert (home / "sealing_keys").stat().st_mode & 0o777 == 0o600
    [change] = Change.objects.filter(table="provider")
    assert (change.door, change.field, change.old, change.new) == ("api", "", None, "Afar")


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"name": None}, "name", "string"),
        ({"name": ""}, "name", "Give the provider a name."),
        ({"name": " x"}, "name", "Leave out spaces"),
        ({"name": "x\ry"}, "name", "line breaks"),
        ({"name": "x" * 81}, "name", "at most 80"),
        ({"name": "Local"}, "name", "is this machine"),
        ({"protocol": "grpc"}, "protocol", "'openai' or 'anthropic'"),
        ({"base_url": ""}, "base_url", "Enter the URL"),
        ({"base_url": "http://afar.example/v1"}, "base_url", "Use https"),
        ({"base_url": "https://ada:x@afar.example"}, "base_url", "Leave out the user name"),
        ({"base_url": "https://127.0.0.1/v1"}, "base_url", "private address"),
        ({"base_url": 7}, "base_url", "string"),
        ({"allow_private": "true"}, "allow_private", "boolean"),
        ({"enabled": 1}, "enabled", "boolean"),
        ({"api_key": 7}, "api_key", "string"),
        ({"api_key": None}, "api_key", "string"),
        ({"api_key": "two words"}, "api_key", NOT_A_KEY),
        ({"api_key": "a\nb"}, "api_key", NOT_A_KEY),
        ({"api_key": "ключ"}, "api_key", NOT_A_KEY),
        ({"api_key": "x" * 2001}, "api_key", NOT_A_KEY),
        ({"sealed_key": "x"}, "sealed_key", "not permitted"),
        ({"key_last4": "x"}, "key_last4", "not permitted"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_and_alike_when_changed(
    call: Call, body: dict[str, Any], field: str, words: str
) -> None:
    answer = call("POST", "", {**AFAR, **body})
    assert list(said(answer)) == [field]
    assert words in said(answer)[field]
    assert KEY not in answer.text
    assert not Provider.objects.exists()
    id = call("POST", "", AFAR).json()["id"]
    before = Provider.objects.values().get()
    assert words in said(call("PATCH", f"/{id}", body))[field]
    assert Provider.objects.values().get() == before


def test_names_are_unique(call: Call) -> None:
    call("POST", "", AFAR)
    assert "There is a provider of this name" in said(call("POST", "", AFAR))["name"]


def test_a_change_leaves_out_what_it_leaves_out_and_is_in_the_history(call: Call) -> None:
    id = call("POST", "", AFAR).json()["id"]
    sealed = Provider.objects.get().sealed_key
    changed = call("PATCH", f"/{id}", {"enabled": False, "base_url": "https://AFAR.example:443/v2/"}).json()
    assert (changed["enabled"], changed["base_url"], changed["name"]) == (
        False,
        "https://afar.example/v2",
        "Afar",
    )
    assert Provider.objects.get().sealed_key == sealed
    rows = Change.objects.filter(table="provider").exclude(field="").values_list("field", "old", "new")
    assert set(rows) == {
        ("enabled", True, False),
        ("base_url", "https://afar.example/v1", "https://afar.example/v2"),
    }
    assert call("PATCH", "/99", {"enabled": False}).status_code == 404


def test_a_key_is_replaced_and_removed_and_the_history_says_only_that(call: Call) -> None:
    id = call("POST", "", AFAR).json()["id"]
    assert call("PATCH", f"/{id}", {"api_key": "sk-another-0123456789-wxyz"}).json()["key_last4"] == "wxyz"
    removed = call("PATCH", f"/{id}", {"api_key": ""}).json()
    assert (removed["has_key"], removed["key_last4"], removed["problem"]) == (False, "", "has no API key")
    changes = Change.objects.filter(table="provider").exclude(field="")
    assert [(c.field, c.old, c.new) for c in changes] == [("sealed_key", None, None)] * 2
    [first, *_] = call("GET", "/api/settings/history").json()["changes"]
    assert first["field_label"] == "API key"
    assert call("POST", f"/api/settings/history/{first['id']}/revert").status_code == 422


@pytest.mark.parametrize(("key", "last4"), [("k" * 19, ""), ("k" * 16 + "1234", "1234"), ("1234", "")])
def test_of_a_short_key_nothing_is_shown(call: Call, key: str, last4: str) -> None:
    assert call("POST", "", {**AFAR, "api_key": key}).json()["key_last4"] == last4


@pytest.mark.parametrize(
    "url", ["https://other.example/v1", "https://afar.example:8443/v1", "http://afar.example/v1"]
)
def test_a_key_goes_to_no_other_host_than_it_was_entered_for(call: Call, url: str) -> None:
    id = call("POST", "", {**AFAR, "allow_private": True}).json()["id"]
    refused = call("PATCH", f"/{id}", {"base_url": url})
    assert said(refused) == {
        "api_key": "The stored key is for https://afar.example and is not sent to another host. "
        "Enter the key for this one, or remove it."
    }
    assert call("PATCH", f"/{id}", {"base_url": url, "api_key": "sk-for-the-other"}).json()["base_url"] == url
    back = Change.objects.get(field="base_url")
    refused = call("POST", f"/api/settings/history/{back.pk}/revert")
    assert "is not sent to another host" in said(refused)["api_key"]
    assert Provider.objects.get().base_url == url
    call("PATCH", f"/{id}", {"api_key": ""})
    assert call("POST", f"/api/settings/history/{back.pk}/revert").status_code == 200
    assert Provider.objects.get().base_url == AFAR["base_url"]


def test_a_revert_is_held_to_the_rules_for_a_url(call: Call) -> None:
    near = {"name": "Near", "base_url": "http://127.0.0.1:9/v1", "allow_private": True}
    id = call("POST", "", near).json()["id"]
    call("PATCH", f"/{id}", {"base_url": "https://near.example/v1"})
    call("PATCH", f"/{id}", {"allow_private": False})
    change = Change.objects.get(field="base_url")
    assert "Use https" in said(call("POST", f"/api/settings/history/{change.pk}/revert"))["base_url"]


def test_a_provider_that_is_put_back_has_no_key_and_no_test(call: Call) -> None:
    id = call("POST", "", AFAR).json()["id"]
    Provider.objects.update(test_passed=True, test_said="Reached.", test_ms=3)
    assert call("DELETE", f"/{id}").status_code == 204
    assert call("GET", f"/{id}").status_code == 404
    deleted = Change.objects.filter(table="provider").latest("id")
    assert deleted.old == {
        "": "Afar",
        "name": "Afar",
        "protocol": "openai",
        "base_url": "https://afar.example/v1",
        "allow_private": False,
        "enabled": True,
    }
    answer = call("POST", f"/api/settings/history/{deleted.pk}/revert").json()
    assert "It has no API key" in answer["note"]
    back = call("GET", f"/{id}").json()
    assert (back["name"], back["has_key"], back["key_last4"]) == ("Afar", False, "")
    assert (back["test_passed"], back["test_said"]) == (None, "")


@pytest.mark.parametrize(
    ("body", "forgotten"),
    [
        ({"name": "Far", "enabled": False}, False),
        ({"base_url": "https://afar.example/v2"}, True),
        ({"protocol": "anthropic"}, True),
        ({"api_key": KEY}, True),
        ({"allow_private": True}, True),
    ],
)
def test_a_test_is_forgotten_when_what_it_tested_is_changed(call: Call, body: Any, forgotten: bool) -> None:
    id = call("POST", "", AFAR).json()["id"]
    Provider.objects.update(test_passed=True, test_said="Reached.", test_ms=3)
    assert call("PATCH", f"/{id}", body).json()["test_passed"] is (None if forgotten else True)
    assert not Change.objects.filter(field__startswith="test").exists()


def test_a_revert_forgets_the_test_too(call: Call) -> None:
    id = call("POST", "", AFAR).json()["id"]
    call("PATCH", f"/{id}", {"base_url": "https://afar.example/v2"})
    Provider.objects.update(test_passed=True, test_said="Reached.", test_ms=3)
    change = Change.objects.get(field="base_url")
    assert call("POST", f"/api/settings/history/{change.pk}/revert").status_code == 200
    back = call("GET", f"/{id}").json()
    assert (back["base_url"], back["test_passed"], back["test_said"]) == (AFAR["base_url"], None, "")


def test_a_list_is_paged(call: Call) -> None:
    for name in "cab":
        call("POST", "", {**AFAR, "name": name})
    first = call("GET", "?limit=2").json()
    assert [provider["name"] for provider in first["providers"]] == ["c", "a"]
    rest = call("GET", f"?limit=2&after={first['next_after']}").json()
    assert ([provider["name"] for provider in rest["providers"]], rest["next_after"]) == (["b"], None)
    assert call("GET", "?limit=0").status_code == 422


def test_a_row_that_was_read_before_a_rotation_is_opened_after_it(call: Call) -> None:
    call("POST", "", AFAR)
    earlier, row = sealing.read(), dict[str, Any](Provider.objects.values(*providers.COLUMNS).get())
    providers.rotate_keys(Author("ada", "command"))
    assert providers.known(**row).problem == providers.UNREADABLE
    assert providers.known(**row, earlier=earlier).api_key == KEY
    assert stored.load().providers[row["id"]].api_key == KEY


def test_strangers_are_refused(client: Client) -> None:
    assert client.get(URL).status_code == 401
    assert client.post(URL, json.dumps(AFAR), "application/json").status_code == 401
