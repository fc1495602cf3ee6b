"""How requests are treated beside their deadlines: the same values and words at page, admin and API."""

import json
from typing import Any

import pytest
from django.forms import model_to_dict
from django.test import Client

from settings_app import api_keys, serving
from settings_app.changes import Author
from settings_app.forms.serving import GRACE, QUEUE
from settings_app.models import Change, Serving
from tests.settings.doors import NAMES, Door, Doors

pytestmark = pytest.mark.django_db
URL = "/api/settings/serving"
DEFAULTS = {
    "keep_alive": "comment",
    "honour_client_timeout": True,
    "stuck_grace_seconds": 30.0,
    "max_queued": 256,
    "serve_metrics": False,
}


@pytest.fixture(params=NAMES)
def door(request: pytest.FixtureRequest, staff: Client, bearer: Client) -> Door:
    admin = "/admin/settings_app/serving/1/change/"
    return Doors(staff, bearer, "/settings/serving/", "serving", admin, URL, _form).named(request.param)


def _form(field: str, value: Any) -> dict[str, Any]:
    data = {**model_to_dict(serving.current()), field: value}
    return {name: entry for name, entry in data.items() if entry is not False}


def _stored(field: str) -> Any:
    return getattr(Serving.objects.get(), field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("keep_alive", "chunk"),
        ("keep_alive", "off"),
        ("honour_client_timeout", False),
        ("stuck_grace_seconds", 0.5),
        ("stuck_grace_seconds", 600),
        ("max_queued", 1),
        ("max_queued", 10_000),
        ("serve_metrics", True),
    ],
)
def test_every_door_takes_it_and_records_it(door: Door, field: str, value: Any) -> None:
    assert door(field, value) == ""
    assert _stored(field) == value
    change = Change.objects.get(table="serving")
    assert (change.field, change.old, change.new) == (field, DEFAULTS[field], value)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        *(("stuck_grace_seconds", value, GRACE) for value in (0, 0.4, 601, "ten", float("nan"), 10**400)),
        *(("max_queued", value, QUEUE) for value in (0, -1, 10_001, 1.5, "many")),
        ("keep_alive", "ping", "Select a valid choice. ping is not one of the available choices."),
    ],
)
def test_every_door_refuses_in_the_same_words(door: Door, field: str, value: Any, words: str) -> None:
    assert door(field, value) == words
    assert _stored(field) == DEFAULTS[field]
    assert not Change.objects.filter(table="serving").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stuck_grace_seconds", "30"),
        ("stuck_grace_seconds", True),
        ("max_queued", "10"),
        ("max_queued", [10]),
        ("honour_client_timeout", "false"),
        ("honour_client_timeout", 0),
        ("serve_metrics", 1),
        ("keep_alive", True),
        ("keep_alive", {"a": 1}),
        ("nothing", 1),
    ],
)
def test_the_api_is_strict(bearer: Client, field: str, value: Any) -> None:
    answer = bearer.put(URL, json.dumps({"max_queued": 9, field: value}), "application/json")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][-1] == field
    assert _stored("max_queued") == 256


def test_the_api_changes_what_is_named_and_shows_all(bearer: Client) -> None:
    assert bearer.get(URL).json() == DEFAULTS
    changed = bearer.put(URL, json.dumps({"max_queued": 9, "keep_alive": None}), "application/json")
    assert changed.json() == {**DEFAULTS, "max_queued": 9} == bearer.get(URL).json()
    assert Client().get(URL).status_code == 401


def test_a_change_can_be_put_back_and_is_named_as_on_the_page(bearer: Client, staff: Client) -> None:
    staff.post("/settings/serving/", _form("max_queued", 9))
    page = staff.get("/history/").content.decode()
    assert "longest queue" in page
    [change] = [c for c in bearer.get("/api/settings/history").json()["changes"] if c["field"]]
    assert (change["label"], change["field"], change["field_label"]) == (
        "Serving",
        "max_queued",
        "longest queue",
    )
    answer = staff.post(f"/history/{change['id']}/revert/", follow=True)
    assert "longest queue is 256 again" in answer.content.decode()
    assert _stored("max_queued") == 256


def test_the_history_says_added_and_deleted_of_whole_rows(staff: Client) -> None:
    key, _ = api_keys.create("laptop", is_admin=False, author=Author("ada", "page"))
    page = staff.get("/history/").content.decode()
    assert "added" in page
    assert "API key" in page
    assert "deleted" not in page
    api_keys.revoke(key, Author("ada", "page"))
    assert "deleted" in staff.get("/history/").content.decode()


def test_without_scripts_the_whole_page_answers(staff: Client) -> None:
    refused = staff.post("/settings/serving/", _form("max_queued", 0))
    assert refused.status_code == 422
    assert "Request Timeouts" in refused.content.decode()
    assert QUEUE in refused.content.decode()
    saved = staff.post("/settings/serving/", _form("max_queued", 10), follow=True)
    assert "Saved. It holds from the next request on." in saved.content.decode()


def test_the_apis_version_is_the_products(staff: Client, settings: Any) -> None:
    assert staff.get("/api/openapi.json").json()["info"]["version"] == settings.VERSION != "1.0.0"
