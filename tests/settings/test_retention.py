"""How long requests are kept: the same values and words at page, admin and API, and in the history."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from settings_app import history
from settings_app.changes import Author
from settings_app.forms.retention import DAYS
from settings_app.logs.retention import BATCH_ROWS, delete_some
from settings_app.models import Change, RequestLog, Retention
from tests.logs.seeded import plant, row
from tests.settings.doors import NAMES, Door, Doors

pytestmark = pytest.mark.django_db
URL = "/api/settings/logs"


@pytest.fixture(params=NAMES)
def door(request: pytest.FixtureRequest, staff: Client, bearer: Client) -> Door:
    admin = "/admin/settings_app/retention/1/change/"
    page = "/settings/logs/keep/"
    return Doors(staff, bearer, page, "logs", admin, URL, _form, form="retention").named(request.param)


def _form(field: str, value: Any) -> dict[str, Any]:
    return {field: value}


def test_every_door_takes_it_records_it_and_it_can_be_put_back(door: Door) -> None:
    for value in (0, 1, 3650):
        assert door("retention_days", value) == ""
        assert Retention.objects.get().retention_days == value
    change = Change.objects.filter(table="retention").latest("id")
    assert (change.field, change.old, change.new) == ("retention_days", 1, 3650)
    history.revert(change.id, Author("ada", "page"))
    assert Retention.objects.get().retention_days == 1


@pytest.mark.parametrize("value", [-1, 3651, 1.5, "many", 10**30])
def test_every_door_refuses_in_the_same_words(door: Door, value: Any) -> None:
    assert door("retention_days", value) == DAYS
    assert Retention.objects.get().retention_days == 30


def test_what_is_older_goes_in_batches() -> None:
    old = plant(row(n, age=timedelta(days=3, seconds=n)) for n in range(BATCH_ROWS + 5))
    kept = plant(row(n + 10_000, age=timedelta(days=1, hours=23)) for n in range(3))
    assert delete_some(0) == 0  # for ever
    assert (delete_some(2), delete_some(2), delete_some(2)) == (BATCH_ROWS, 5, 0)
    assert set(RequestLog.objects.values_list("pk", flat=True)) == {r.pk for r in kept}
    assert old
