"""The model pool's settings: the same values and words at page, admin and API; pairs are validated together."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms import model_to_dict
from django.test import Client

from settings_app import pool_settings
from settings_app.forms.pool import CACHE, CHUNK, MINUTES, MODELS, PoolForm
from settings_app.models import Change, LocalModel, Pool
from settings_app.models.pool import limit_words
from settings_app.snapshot import Pool as PoolInForce
from tests.settings.doors import NAMES, Door, Doors
from tests.tiny_adapter import make_tiny_adapter

pytestmark = pytest.mark.django_db
URL = "/api/settings/pool"
GB = 2**30
DEFAULTS = {
    "memory_limit_mode": "percent",
    "memory_limit_value": 80.0,
    "max_models": 4,
    "idle_minutes": 0.0,
    "eviction_policy": "lru",
    "prefill_chunk": 2048,
    "prompt_cache_gb": 1.0,
}


@pytest.fixture(params=NAMES)
def door(request: pytest.FixtureRequest, staff: Client, bearer: Client) -> Door:
    admin = "/admin/settings_app/pool/1/change/"
    return Doors(staff, bearer, "/settings/pool/", "pool", admin, URL, _form).named(request.param)


def _form(field: str, value: Any) -> dict[str, Any]:
    return {**model_to_dict(pool_settings.current()), field: value}


def _stored(field: str) -> Any:
    return getattr(Pool.objects.get(), field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory_limit_value", 10),
        ("memory_limit_value", 95),
        ("memory_limit_value", 62.5),
        ("max_models", 1),
        ("max_models", 64),
        ("idle_minutes", 0.5),
        ("idle_minutes", 10_080),
        ("eviction_policy", "lfu"),
        ("eviction_policy", "ttl"),
        ("prefill_chunk", 128),
        ("prefill_chunk", 8192),
        ("prompt_cache_gb", 0),
        ("prompt_cache_gb", 1024),
    ],
)
def test_every_door_takes_it_and_records_it(door: Door, field: str, value: Any) -> None:
    assert door(field, value) == ""
    assert _stored(field) == value
    change = Change.objects.get(table="pool")
    assert (change.field, change.old, change.new) == (field, DEFAULTS[field], value)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        *(("memory_limit_value", value, None) for value in (9.9, 95.1, 0, -1, "much", float("nan"), 10**400)),
        *(("max_models", value, MODELS) for value in (0, 65, 1.5, "few")),
        *(("idle_minutes", value, MINUTES) for value in (-1, 10_081, "soon", float("inf"))),
        *(("prefill_chunk", value, CHUNK) for value in (127, 8193, 300.5)),
        *(("prompt_cache_gb", value, CACHE) for value in (-0.1, 1025, "all")),
        ("eviction_policy", "fifo", "Select a valid choice. fifo is not one of the available choices."),
        ("memory_limit_mode", "mb", "Select a valid choice. mb is not one of the available choices."),
    ],
)
def test_every_door_refuses_in_the_same_words(door: Door, field: str, value: Any, words: str | None) -> None:
    assert door(field, value) == (words or limit_words())
    assert _stored(field) == DEFAULTS[field]
    assert not Change.objects.filter(table="pool").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory_limit_value", "80"),
        ("memory_limit_value", True),
        ("max_models", "4"),
        ("max_models", [4]),
        ("idle_minutes", False),
        ("eviction_policy", 1),
        ("prefill_chunk", "512"),
        ("prompt_cache_gb", {"gb": 1}),
        ("nothing", 1),
    ],
)
def test_the_api_is_strict(bearer: Client, field: str, value: Any) -> None:
    answer = bearer.put(URL, json.dumps({"idle_minutes": 9, field: value}), "application/json")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][-1] == field
    assert _stored("idle_minutes") == 0


def test_the_api_changes_what_is_named_and_shows_all(bearer: Client) -> None:
    assert bearer.get(URL).json() == DEFAULTS
    changed = bearer.put(URL, json.dumps({"max_models": 9, "eviction_policy": None}), "application/json")
    assert changed.json() == {**DEFAULTS, "max_models": 9} == bearer.get(URL).json()
    assert Client().get(URL).status_code == 401


def test_the_docs_name_every_field_its_default_and_its_bounds() -> None:
    docs = (Path(__file__).resolve().parents[2] / "docs" / "pool.md").read_text()
    for name in PoolForm.base_fields:
        (row,) = [
            line for line in docs.splitlines() if line.startswith("| ") and f"`{name}`" in line.split("|")[1]
        ]
        validators = getattr(Pool._meta.get_field(name), "validators", [])
        low = [v.limit_value for v in validators if isinstance(v, MinValueValidator)]
        high = [v.limit_value for v in validators if isinstance(v, MaxValueValidator)]
        if high and name != "memory_limit_value":
            assert f"| {DEFAULTS[name]:g} | {max(low):g} \N{EN DASH} {min(high):g} |" in row


def test_mode_and_value_are_one_thing(bearer: Client, settings: Any) -> None:
    """80 is a percentage that may be, and on this machine no number of GB."""
    settings.MEMORY_BYTES = 16 * GB

    def put(**values: Any) -> tuple[int, Any]:
        answer = bearer.put(URL, json.dumps(values), "application/json")
        return answer.status_code, [problem["loc"][-1] for problem in answer.json().get("detail", [])]

    assert put(memory_limit_mode="gb") == (422, ["memory_limit_value"])
    assert put(memory_limit_mode="gb", memory_limit_value=16.1)[0] == 422
    assert put(memory_limit_mode="gb", memory_limit_value=0.9)[0] == 422
    assert put(memory_limit_mode="gb", memory_limit_value=16)[0] == 200
    assert put(memory_limit_value=1)[0] == 200
    assert put(memory_limit_mode="percent") == (422, ["memory_limit_value"])


def test_a_limit_in_bytes_is_never_more_than_there_is(settings: Any) -> None:
    settings.MEMORY_BYTES = 16 * GB
    assert pool_settings.limit_bytes(PoolInForce("percent", 50)) == 8 * GB
    assert pool_settings.limit_bytes(PoolInForce("gb", 1.5)) == 1.5 * GB
    assert pool_settings.limit_bytes(PoolInForce("gb", 64)) == 16 * GB  # stored on a larger machine


def test_the_machines_memory_is_read_off_the_system() -> None:
    assert 2**28 < django_settings.MEMORY_BYTES < 2**45


def test_a_change_is_put_back_only_if_it_may_be_today(staff: Client, settings: Any) -> None:
    settings.MEMORY_BYTES = 64 * GB
    staff.post("/settings/pool/", {**_form("memory_limit_mode", "gb"), "memory_limit_value": 60})
    staff.post("/settings/pool/", _form("memory_limit_value", 8))
    change = Change.objects.filter(table="pool", field="memory_limit_value").latest("id")
    settings.MEMORY_BYTES = 16 * GB
    refused = staff.post(f"/history/{change.pk}/revert/", follow=True).content.decode()
    assert "Enter 10 to 95 percent, or 1 to 16 GB" in refused
    assert _stored("memory_limit_value") == 8
    settings.MEMORY_BYTES = 64 * GB
    staff.post(f"/history/{change.pk}/revert/")
    assert _stored("memory_limit_value") == 60


@pytest.mark.parametrize(
    ("field", "value", "old"),
    [("pinned", True, False), ("preload", True, False), ("idle_minutes", 2.5, None), ("adapter", "", "")],
)
def test_a_models_own_fields_change_in_the_admin_and_the_api(
    staff: Client, bearer: Client, tmp_path: Path, field: str, value: Any, old: Any
) -> None:
    if field == "adapter":
        value = str(make_tiny_adapter(tmp_path))
    model = LocalModel.objects.create(name="org/tiny", path="/nowhere")
    for change in (_by_admin, _by_api):
        assert change(staff if change is _by_admin else bearer, model, field, value)
        model.refresh_from_db()
        assert getattr(model, field) == value
        recorded = Change.objects.filter(table="localmodel", field=field).latest("id")
        assert (recorded.old, recorded.new) == (old, value)
        setattr(model, field, old)
        model.save()


def test_a_models_own_time_is_refused_out_of_bounds(bearer: Client) -> None:
    model = LocalModel.objects.create(name="tiny", path="/nowhere")
    for value in (-1, 10_081, "2", True):
        answer = bearer.patch(
            "/api/models/tiny", json.dumps({"pinned": True, "idle_minutes": value}), "application/json"
        )
        assert (answer.status_code, answer.json()["detail"][0]["loc"][-1]) == (422, "idle_minutes")
    model.refresh_from_db()
    assert (model.idle_minutes, model.pinned) == (None, False)
    assert bearer.patch("/api/models/nobody", "{}", "application/json").status_code == 404


def _by_admin(client: Client, model: LocalModel, field: str, value: Any) -> bool:
    row = {"name": model.name, "kind": model.kind, "path": model.path, field: value}
    return client.post(f"/admin/settings_app/localmodel/{model.pk}/change/", row).status_code == 302


def _by_api(client: Client, model: LocalModel, field: str, value: Any) -> bool:
    body = json.dumps({field: value})
    return client.patch(f"/api/models/{model.name}", body, "application/json").status_code == 200
