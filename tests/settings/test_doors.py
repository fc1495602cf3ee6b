"""Four doors to one table: the same values, the same words, the same history."""

import getpass
import json
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from settings_app import api_keys, timeouts
from settings_app.changes import Author
from settings_app.endpoints import BY_KEY, ENDPOINTS
from settings_app.models import Change, Timeout
from settings_app.models.timeout import NOT_SECONDS

pytestmark = pytest.mark.django_db
Door = Callable[[str, Any], str]  # (endpoint key, value) → "" or what was said against it


@pytest.fixture
def bearer() -> dict[str, str]:
    _, token = api_keys.create("ops", is_admin=True, author=Author("ada", "page"))
    return {"authorization": f"Bearer {token}"}


@pytest.fixture(params=["page", "admin", "api", "command"])
def door(request: pytest.FixtureRequest, staff: Client, bearer: dict[str, str]) -> Iterator[Door]:
    def page(key: str, value: Any) -> str:
        answer = staff.post("/settings/timeouts/", _form(key, value))
        field = BY_KEY[key].field
        return " ".join(answer.context["timeouts"]["form"].errors.get(field, []))

    def admin(key: str, value: Any) -> str:
        answer = staff.post(f"/admin/settings_app/timeout/{key}/change/", {"seconds": value})
        return (
            " ".join(answer.context["adminform"].form.errors["seconds"]) if answer.status_code == 200 else ""
        )

    def api(key: str, value: Any) -> str:
        body = json.dumps({BY_KEY[key].field: value})
        answer = Client().put("/api/settings/timeouts", body, "application/json", headers=bearer)
        return "" if answer.status_code == 200 else str(answer.json()["detail"][0]["msg"])

    def command(key: str, value: Any) -> str:
        try:
            call_command("set_timeout", key, str(value), stdout=StringIO())
        except CommandError as error:
            return str(error).removeprefix(f"{BY_KEY[key].field}: ")
        return ""

    request.node.user_properties.append(("door", request.param))
    yield {"page": page, "admin": admin, "api": api, "command": command}[request.param]


def _form(key: str, value: Any) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, seconds in timeouts.in_force().by_field().items():
        data[name] = data[f"initial-{name}"] = seconds
    return {**data, BY_KEY[key].field: value}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.key)
def test_every_door_takes_the_bounds_fractions_and_values_off_the_sliders_step(
    door: Door, endpoint: Any
) -> None:
    for value in (endpoint.lowest_seconds, endpoint.highest_seconds, 77.25):
        assert door(endpoint.key, value) == ""
        assert timeouts.in_force().seconds[endpoint.key] == value


@pytest.mark.parametrize("value", [0, 1e9, 59.99, 7200.01])
def test_every_door_says_the_bounds_in_the_same_words(door: Door, value: Any) -> None:
    assert door("chat", value) == "Enter 60 to 7200 seconds (1 min to 2 h)."
    assert timeouts.in_force().seconds["chat"] == 900


@pytest.mark.parametrize("value", ["ten", float("nan"), float("inf"), "", "1,5"])
def test_every_door_says_what_is_no_number_in_the_same_words(door: Door, value: Any) -> None:
    assert door("chat", value).startswith(NOT_SECONDS)
    assert timeouts.in_force().seconds["chat"] == 900


@pytest.mark.parametrize("value", [True, False, "600", "10m", [600], {"seconds": 600}, 10**400])
def test_the_api_takes_numbers_only(staff: Client, bearer: dict[str, str], value: Any) -> None:
    answer = staff.put(
        "/api/settings/timeouts", json.dumps({"chat_seconds": value}), "application/json", headers=bearer
    )
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][-1] == "chat_seconds"
    assert NOT_SECONDS in answer.json()["detail"][0]["msg"]


def test_every_door_leaves_who_and_which_door_in_the_history(
    door: Door, request: pytest.FixtureRequest
) -> None:
    assert door("chat", 1200) == ""
    change = Change.objects.get(table="timeout")
    name = dict(request.node.user_properties)["door"]
    assert (change.door, change.row, change.field, change.old, change.new) == (
        name,
        "chat",
        "seconds",
        900,
        1200,
    )
    assert change.who == {"api": "key ops", "command": getpass.getuser()}.get(name, "ada")


def test_a_value_that_stays_is_no_change(door: Door) -> None:
    assert door("chat", 900) == ""
    assert not Change.objects.filter(table="timeout").exists()


def test_a_put_is_all_or_nothing_and_leaves_out_what_it_leaves_out(bearer: dict[str, str]) -> None:
    client = Client(headers=bearer)

    def put(**body: Any) -> Any:
        return client.put("/api/settings/timeouts", json.dumps(body), "application/json")

    refused = put(chat_seconds=1200, embeddings_seconds=5, completions_seconds=9999)
    assert refused.status_code == 422
    assert {error["loc"][-1] for error in refused.json()["detail"]} == {
        "embeddings_seconds",
        "completions_seconds",
    }
    assert client.get("/api/settings/timeouts").json() == {
        "chat_seconds": 900.0,
        "completions_seconds": 600.0,
        "embeddings_seconds": 120.0,
    }
    assert not Change.objects.filter(table="timeout").exists()
    assert put(chat_seconds=1200, embeddings_seconds=None).json() == {
        "chat_seconds": 1200.0,
        "completions_seconds": 600.0,
        "embeddings_seconds": 120.0,
    }
    unknown = put(chat=1)
    assert (unknown.status_code, unknown.json()["detail"][0]["loc"][-1]) == (422, "chat")


def test_two_people_editing_at_once_lose_nothing(staff: Client) -> None:
    """Each saw the page as it was; each changed another field."""
    one, other = _form("chat", 1000), _form("embeddings", 200)
    staff.post("/settings/timeouts/", one)
    staff.post("/settings/timeouts/", other)
    assert timeouts.in_force().by_field() == {
        "chat_seconds": 1000,
        "completions_seconds": 600,
        "embeddings_seconds": 200,
    }


def test_what_was_typed_is_kept_beside_its_error(staff: Client) -> None:
    answer = staff.post("/settings/timeouts/", {**_form("chat", "12"), "embeddings_seconds": "300"})
    assert answer.status_code == 422
    form = answer.context["timeouts"]["form"]
    assert (form["chat_seconds"].value(), form["embeddings_seconds"].value()) == ("12", "300")
    assert timeouts.in_force().seconds["embeddings"] == 120


def test_reset_restores_the_defaults_and_can_be_undone(staff: Client) -> None:
    timeouts.save({"chat_seconds": 1234.5}, Author("ada", "page"))
    answer = staff.post("/settings/timeouts/reset/")
    assert timeouts.in_force().seconds["chat"] == 900
    staff.post("/settings/timeouts/", dict(answer.context["timeouts"]["undo"]))
    assert timeouts.in_force().seconds["chat"] == 1234.5


def test_a_corrupt_value_is_replaced_said_and_mended_by_saving(staff: Client) -> None:
    Timeout.objects.filter(endpoint="chat").update(seconds=0.5)
    Timeout.objects.filter(endpoint="embeddings").delete()
    page = staff.get("/settings/")
    assert set(page.context["timeouts"]["warnings"]) == {"chat", "embeddings"}
    assert "default of 15 min is in force" in page.content.decode()
    staff.post("/settings/timeouts/", _form("completions", 700))
    assert Timeout.objects.get(endpoint="chat").seconds == 900
    assert Timeout.objects.get(endpoint="embeddings").seconds == 120
    assert not staff.get("/settings/").context["timeouts"]["warnings"]


def test_the_floor_can_be_lowered_for_drills(door: Door, settings: Any) -> None:
    settings.TIMEOUT_FLOOR_SECONDS = 0.5
    assert door("chat", 0.5) == ""
    assert door("chat", 0.4) == "Enter 0.5 to 7200 seconds (0.5 s to 2 h)."


def test_history_is_paged_and_a_change_can_be_put_back(bearer: dict[str, str]) -> None:
    client = Client(headers=bearer)
    for seconds in (1000, 1100, 1200):
        timeouts.save({"chat_seconds": seconds}, Author("ada", "page"))
    first = client.get("/api/settings/history?limit=2").json()
    assert [(c["who"], c["old"], c["new"]) for c in first["changes"]] == [
        ("ada", 1100, 1200),
        ("ada", 1000, 1100),
    ]
    rest = client.get(f"/api/settings/history?before={first['next_before']}").json()
    assert rest["changes"][0]["new"] == 1000
    reverted = client.post(f"/api/settings/history/{first['changes'][1]['id']}/revert").json()
    assert (reverted["who"], reverted["old"], reverted["new"]) == ("key ops", 1200, 1000)
    assert timeouts.in_force().seconds["chat"] == 1000
    assert client.post(f"/api/settings/history/{first['changes'][1]['id']}/revert").status_code == 422
    assert client.post("/api/settings/history/999999/revert").status_code == 404
    for limit in ("0", "501", "x"):
        assert client.get(f"/api/settings/history?limit={limit}").status_code == 422


def test_a_revert_is_held_to_todays_bounds(bearer: dict[str, str], settings: Any) -> None:
    settings.TIMEOUT_FLOOR_SECONDS = 1
    timeouts.save({"chat_seconds": 2}, Author("ada", "page"))
    timeouts.save({"chat_seconds": 300}, Author("ada", "page"))
    settings.TIMEOUT_FLOOR_SECONDS = None
    change = Change.objects.filter(table="timeout").latest("id")
    refused = Client(headers=bearer).post(f"/api/settings/history/{change.id}/revert")
    assert refused.status_code == 422
    assert "Enter 60 to 7200 seconds" in refused.json()["detail"][0]["msg"]


def test_the_api_wants_staff_with_csrf_or_an_admin_key() -> None:
    _, plain = api_keys.create("laptop", is_admin=False, author=Author("ada", "page"))
    User.objects.create_user("bob", password="x")
    body: tuple[str, str, str] = ("/api/settings/timeouts", '{"chat_seconds": 1000}', "application/json")
    strict = Client(enforce_csrf_checks=True)
    assert strict.put(*body).status_code == 401
    assert strict.put(*body, headers={"authorization": f"Bearer {plain}"}).status_code == 401
    assert strict.put(*body, headers={"authorization": "Bearer mlx-wrong"}).status_code == 401
    strict.force_login(User.objects.get(username="bob"))
    assert strict.put(*body).status_code == 401
    assert strict.get("/settings/").status_code == 403
    strict.force_login(User.objects.create_superuser("ada"))
    assert strict.put(*body).status_code == 403
    strict.get("/settings/")
    token = strict.cookies["mlx_manager_csrf"].value
    assert strict.put(*body, headers={"x-csrftoken": token}).status_code == 200
    assert timeouts.in_force().seconds["chat"] == 1000


def test_the_schema_tells_the_bounds(bearer: dict[str, str], staff: Client) -> None:
    schemas = staff.get("/api/openapi.json").json()["components"]["schemas"]
    for endpoint in ENDPOINTS:
        for schema in ("Timeouts", "TimeoutsChange"):
            described = schemas[schema]["properties"][endpoint.field]
            assert (described["minimum"], described["maximum"]) == (
                endpoint.min_seconds,
                endpoint.highest_seconds,
            )
    assert staff.get("/api/docs").status_code == 200


def test_the_command_reads_durations_shows_a_table_and_resets() -> None:
    def run(*arguments: str) -> str:
        out = StringIO()
        call_command("set_timeout", *arguments, stdout=out)
        return out.getvalue()

    for said, seconds in [
        ("1200", 1200),
        ("15m", 900),
        ("1h30m", 5400),
        ("90s", 90),
        ("1h 30m 5s", 5405),
        ("90.5", 90.5),
    ]:
        assert "chat" in run("chat", said)
        assert timeouts.in_force().seconds["chat"] == seconds
    assert "90.5 s" in run()
    run("--reset", "chat")
    assert timeouts.in_force().seconds["chat"] == 900
    for wrong in (["chat"], ["chat", "15x"], ["chat", "-5"], ["chat", "1h", "--reset"], ["nobody", "5"]):
        with pytest.raises(CommandError):
            run(*wrong)
