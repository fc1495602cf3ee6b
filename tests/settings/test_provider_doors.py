"""Page, admin and API are doors to the same providers: the same values, the same words, no key on the way out."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.test import Client

from settings_app import api_keys, presets, sealing
from settings_app.changes import Author
from settings_app.models import Change, Provider, Rule

pytestmark = pytest.mark.django_db
KEY = "sk-planted-0123456789abcdef"
AFAR = {"name": "Afar", "protocol": "openai", "base_url": "https://afar.example/v1", "enabled": True}
Door = Callable[..., dict[str, str]]  # (provider or None, values) → what was said against it, by field


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> Path:
    settings.HOME = tmp_path
    return tmp_path


@pytest.fixture(params=["page", "admin", "api"])
def door(request: pytest.FixtureRequest, staff: Client) -> Door:
    _, token = api_keys.create("ops", is_admin=True, author=Author("ada", "page"))
    bearer = Client(headers={"authorization": f"Bearer {token}"})

    def checked(answer: Any) -> Any:
        assert KEY not in answer.text, "a door echoes the key"
        return answer

    def page(provider: Provider | None, **values: Any) -> dict[str, str]:
        address = f"/settings/providers/{provider.pk if provider else 'new'}/"
        answer = checked(staff.post(address, _form(provider, values)))
        return _said(answer.context["providers"]["form"]) if answer.status_code == 422 else {}

    def admin(provider: Provider | None, **values: Any) -> dict[str, str]:
        address = f"/admin/settings_app/provider/{f'{provider.pk}/change' if provider else 'add'}/"
        answer = checked(staff.post(address, _form(provider, values)))
        return _said(answer.context["adminform"].form) if answer.status_code == 200 else {}

    def api(provider: Provider | None, **values: Any) -> dict[str, str]:
        if values.pop("remove_key", False):
            values["api_key"] = ""
        address = f"/api/settings/providers{f'/{provider.pk}' if provider else ''}"
        body = values if provider else {**AFAR, **values}
        method = "PATCH" if provider else "POST"
        answer = checked(bearer.generic(method, address, json.dumps(body), "application/json"))
        if answer.status_code != 422:
            return {}
        return {error["loc"][-1]: error["msg"] for error in answer.json()["detail"]}

    request.node.user_properties.append(("door", request.param))
    return {"page": page, "admin": admin, "api": api}[request.param]


def _form(provider: Provider | None, values: dict[str, Any]) -> dict[str, Any]:
    """What a browser sends: all fields, the boxes that are ticked."""
    names = ("name", "protocol", "base_url", "allow_private", "enabled")
    stored = {name: getattr(provider, name) for name in names} if provider else dict(AFAR)
    return {name: value for name, value in {**stored, **values}.items() if value is not False}


def _said(form: Any) -> dict[str, str]:
    return {field: " ".join(errors) for field, errors in form.errors.items()}


def _stored() -> Provider:
    return Provider.objects.get()


def test_every_door_adds_changes_and_records(door: Door, request: pytest.FixtureRequest) -> None:
    assert door(None, api_key=KEY) == {}
    row = _stored()
    assert (row.name, row.base_url, row.enabled, row.key_last4) == ("Afar", AFAR["base_url"], True, "cdef")
    assert sealing.unseal(row.sealed_key) == KEY
    assert door(row, enabled=False, name="Far", protocol="anthropic") == {}
    assert _stored().sealed_key == row.sealed_key, "an empty field keeps the key"
    assert (_stored().enabled, _stored().name, _stored().protocol) == (False, "Far", "anthropic")
    assert door(_stored(), base_url="http://127.0.0.1:9/v1", allow_private=True, api_key="another") == {}
    assert (_stored().base_url, _stored().key_last4) == ("http://127.0.0.1:9/v1", "")
    assert door(_stored(), remove_key=True) == {}
    assert _stored().sealed_key == ""
    changes = Change.objects.filter(table="provider")
    assert [c.field for c in changes.order_by("id")] == [
        "",
        *("name", "protocol", "enabled"),
        *("base_url", "sealed_key", "allow_private"),
        "sealed_key",
    ]
    assert {c.door for c in changes} == {dict(request.node.user_properties)["door"]}
    assert KEY not in str(list(changes.values()))


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"name": ""}, "name", "Give the provider a name."),
        ({"name": "local"}, "name", "“local” is this machine. Choose another name."),
        ({"base_url": ""}, "base_url", "Enter the URL, like https://api.example.com/v1."),
        ({"base_url": "afar.example"}, "base_url", "Begin with https://, like https://api.example.com/v1."),
        (
            {"base_url": "http://afar.example"},
            "base_url",
            "Use https. http is for a private address, and only if you allow one.",
        ),
        (
            {"base_url": "https://other.example/v1"},
            "api_key",
            "The stored key is for https://afar.example and is not sent to another host. "
            "Enter the key for this one, or remove it.",
        ),
    ],
)
def test_every_door_refuses_in_the_same_words(door: Door, values: Any, field: str, words: str) -> None:
    assert door(None, api_key=KEY) == {}
    before = Provider.objects.values().get()
    assert door(_stored(), **values) == {field: words}
    assert Provider.objects.values().get() == before
    if field != "api_key":
        assert door(None, **{"name": "Other", "api_key": KEY, **values}) == {field: words}
    assert Provider.objects.count() == 1


def test_every_door_refuses_a_name_twice_and_a_key_that_is_none(door: Door) -> None:
    assert door(None) == {}
    assert door(None) == {"name": "There is a provider of this name already. Choose another."}
    said = door(_stored(), api_key="two words")
    assert list(said) == ["api_key"]
    assert "without spaces" in said["api_key"]


def test_a_refused_form_keeps_what_was_typed_and_not_the_key(staff: Client) -> None:
    typed = {
        "name": "Afar",
        "protocol": "anthropic",
        "base_url": "ftp://afar",
        "api_key": KEY,
        "allow_private": "on",
    }
    for address in ("/settings/providers/new/", "/admin/settings_app/provider/add/"):
        page = staff.post(address, typed).text
        assert 'value="ftp://afar"' in page
        assert '<option value="anthropic" selected>' in page
        assert KEY not in page
        assert not re.search(r'name="api_key"[^>]*value=', page)
    assert not sealing.exists(), "nothing was stored, so nothing was sealed"


def test_two_people_editing_at_once_lose_nothing(staff: Client) -> None:
    """Each saw the form as it was; each changed another field."""
    staff.post("/settings/providers/new/", {**_form(None, {}), "api_key": KEY})
    id = _stored().pk
    form = staff.get(f"/settings/providers/{id}/").context["providers"]["form"]
    shown = {f"initial-{name}": form[name].value() for name in form.Meta.fields}
    one, other = _form(_stored(), {"name": "Far"}), _form(_stored(), {"base_url": "https://afar.example/v9"})
    staff.post(f"/settings/providers/{id}/", {**one, **shown})
    staff.post(f"/settings/providers/{id}/", {**other, **shown})
    assert (_stored().name, _stored().base_url) == ("Far", "https://afar.example/v9")


def test_a_key_is_not_replaced_and_removed_at_once(staff: Client) -> None:
    staff.post("/settings/providers/new/", {**_form(None, {}), "api_key": KEY})
    row = _stored()
    refused = staff.post(
        f"/settings/providers/{row.pk}/", _form(row, {"api_key": "sk-another", "remove_key": "on"})
    )
    assert "not both" in refused.text
    assert _stored().sealed_key == row.sealed_key


@pytest.mark.parametrize("preset", presets.PRESETS, ids=lambda preset: preset.key)
def test_a_preset_fills_the_form_in(staff: Client, preset: presets.Preset) -> None:
    page = staff.get(f"/settings/providers/new/?preset={preset.key}")
    form = page.context["providers"]["form"]
    assert (form["name"].value(), form["protocol"].value()) == (preset.label, preset.protocol)
    assert form["base_url"].value() == preset.base_url
    if not preset.base_url:
        return
    sent = {name: form[name].value() for name in ("name", "protocol", "base_url", "enabled")}
    assert staff.post("/settings/providers/new/", sent).status_code == 302
    assert _stored().base_url == preset.base_url, "what is filled in is taken as it is"
    again = staff.get(f"/settings/providers/new/?preset={preset.key}").context["providers"]["form"]
    assert again["name"].value() == f"{preset.label} 2"


def test_the_list_says_what_is_wrong_and_the_switch_switches(staff: Client, home: Path) -> None:
    for name, key in (("Afar", KEY), ("Keyless", ""), ("Short", "sk-short")):
        staff.post("/settings/providers/new/", _form(None, {"name": name, "api_key": key}))
    page = staff.get("/settings/").text
    assert [("…cdef" in page), ("no key" in page), ("unreadable" in page)] == [True, True, False]
    assert "hort<" not in page.replace("Short<", "")
    id = Provider.objects.get(name="Afar").pk
    assert "Afar is off" in staff.post(f"/settings/providers/{id}/switch/", {}, follow=True).text
    assert not Provider.objects.get(pk=id).enabled
    assert (
        "Afar is on" in staff.post(f"/settings/providers/{id}/switch/", {"enabled": "on"}, follow=True).text
    )
    assert Provider.objects.get(pk=id).enabled
    (home / "sealing_keys").unlink()
    page = staff.get("/settings/").text
    assert "sealing_keys is missing, so stored API keys cannot be read" in page
    assert page.count("unreadable") == 2
    assert "cannot be decrypted: enter it again" in staff.get(f"/settings/providers/{id}/").text
    (home / "sealing_keys").write_text(Fernet.generate_key().decode())
    assert (
        "Afar, Short cannot be used: the stored keys were encrypted with another key"
        in staff.get("/settings/").text
    )


def test_deleting_asks_first_and_says_which_rules_name_it(staff: Client) -> None:
    staff.post("/settings/providers/new/", _form(None, {"api_key": KEY}))
    id = _stored().pk
    fallback = {"provider": id, "target_model": "", "causes": ["error"], "after_seconds": None}
    Rule.objects.create(position=1, pattern="gpt-9", provider_id=id)
    Rule.objects.create(position=2, pattern="tiny", fallbacks=[fallback])
    Rule.objects.create(position=3, pattern="elsewhere")
    asked = staff.get(f"/settings/providers/{id}/delete/").text
    assert "These 2 rules name it" in asked
    assert ("gpt-9" in asked, "tiny" in asked, "elsewhere" in asked) == (True, True, False)
    assert Provider.objects.exists()
    assert "Afar is deleted" in staff.post(f"/settings/providers/{id}/delete/", follow=True).text
    assert not Provider.objects.exists()
    assert staff.get(f"/settings/providers/{id}/").status_code == 404
    change = Change.objects.latest("id")
    said = staff.post(f"/history/{change.pk}/revert/", follow=True).text
    assert "Afar: provider is Afar again. It has no API key: enter it on the settings page." in said


def test_the_admin_deletes_through_the_history(staff: Client) -> None:
    staff.post("/settings/providers/new/", _form(None, {"api_key": KEY}))
    staff.post(f"/admin/settings_app/provider/{_stored().pk}/delete/", {"post": "yes"})
    change = Change.objects.latest("id")
    assert (change.door, change.new, "sealed_key" in (change.old or {})) == ("admin", None, False)


def test_the_history_says_that_a_key_was_changed_and_not_what(staff: Client) -> None:
    staff.post("/settings/providers/new/", _form(None, {"api_key": KEY}))
    staff.post(f"/settings/providers/{_stored().pk}/", _form(_stored(), {"api_key": "sk-another-one"}))
    row = re.search(r"API key</span></th>.*?</tr>", staff.get("/history/").text, re.DOTALL)
    assert row
    assert "changed</span>" in row[0]
    assert "Revert" not in row[0]


def test_htmx_gets_the_section_alone_and_strangers_nothing(staff: Client, client: Client) -> None:
    answer = staff.get("/settings/providers/new/", headers={"HX-Request": "true"})
    assert "<html" not in answer.text
    assert 'id="providers"' in answer.text
    guest = Client()
    guest.force_login(User.objects.create_user("guest"))
    for path in ("new/", "1/", "1/delete/"):
        assert guest.get(f"/settings/providers/{path}").status_code == 403
        assert guest.post(f"/settings/providers/{path}").status_code == 403
    for path in ("1/switch/", "1/test/"):
        assert guest.post(f"/settings/providers/{path}").status_code == 403
