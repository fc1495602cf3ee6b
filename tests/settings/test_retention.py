"""How long requests are kept: the same values and words at page, admin and API, and in the history."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from settings_app import api_keys, history
from settings_app.changes import Author
from settings_app.forms.retention import DAYS
from settings_app.logs.retention import BATCH_ROWS, delete_some
from settings_app.models import Change, RequestLog, Retention
from tests.logs.seeded import plant, row

pytestmark = pytest.mark.django_db
URL = "/api/settings/logs"
Door = Callable[[Any], str]


@pytest.fixture(params=["page", "admin", "api"])
def door(request: pytest.FixtureRequest, client: Client) -> Door:
    client.force_login(User.objects.create_superuser("ada"))
    _, token = api_keys.create("ops", is_admin=True, author=Author("ada", "page"))
    bearer = Client(headers={"authorization": f"Bearer {token}"})

    def page(value: Any) -> str:
        answer = client.post("/settings/logs/keep/", {"retention_days": value})
        return _said(answer.context["logs"]["retention"]) if answer.status_code == 422 else ""

    def admin(value: Any) -> str:
        answer = client.post("/admin/settings_app/retention/1/change/", {"retention_days": value})
        return _said(answer.context["adminform"].form) if answer.status_code == 200 else ""

    def api(value: Any) -> str:
        answer = bearer.put(URL, json.dumps({"retention_days": value}), "application/json")
        return "" if answer.status_code == 200 else str(answer.json()["detail"][0]["msg"])

    return {"page": page, "admin": admin, "api": api}[request.param]


def _said(form: Any) -> str:
    return " ".join(form.errors.get("retention_days", []))


def test_every_door_takes_it_records_it_and_it_can_be_put_back(door: Door) -> None:
    for value in (0, 1, 3650):
        assert door(value) == ""
        assert Retention.objects.get().retention_days == value
    change = Change.objects.filter(table="retention").latest("id")
    assert (change.field, change.old, change.new) == ("retention_days", 1, 3650)
    history.revert(change.id, Author("ada", "page"))
    assert Retention.objects.get().retention_days == 1


@pytest.mark.parametrize("value", [-1, 3651, 1.5, "many", 10**30])
def test_every_door_refuses_in_the_same_words(door: Door, value: Any) -> None:
    assert door(value) == DAYS
    assert Retention.objects.get().retention_days == 30


def test_what_is_older_goes_in_batches() -> None:
    old = plant(row(n, age=timedelta(days=3, seconds=n)) for n in range(BATCH_ROWS + 5))
    kept = plant(row(n + 10_000, age=timedelta(days=1, hours=23)) for n in range(3))
    assert delete_some(0) == 0  # for ever
    assert (delete_some(2), delete_some(2), delete_some(2)) == (BATCH_ROWS, 5, 0)
    assert set(RequestLog.objects.values_list("pk", flat=True)) == {r.pk for r in kept}
    assert old
