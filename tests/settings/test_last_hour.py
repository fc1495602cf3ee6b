"""What the log says of the last hour; the dashboard shows it and what needs somebody."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from inference import attention
from inference.place_state import PlaceState
from inference.request_log import request_log
from settings_app import last_hour, pool_settings
from settings_app.models import Provider, RequestLog, Timeout
from tests.log_row import log_row

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def plenty_of_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the disk is on which the tests run."""
    usage = shutil._ntuple_diskusage(1000 * 2**30, 0, 900 * 2**30)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)


def plant(*rows: RequestLog) -> None:
    RequestLog.objects.bulk_create(rows)


def test_each_minute_has_its_requests_and_tokens() -> None:
    plant(
        *(log_row(ago=timedelta(minutes=5), completion_tokens=7) for _ in range(3)),
        log_row(ago=timedelta(minutes=59), completion_tokens=2),
        log_row(ago=timedelta(minutes=61), completion_tokens=1000),
    )
    found = last_hour.minutes()
    assert len(found) == 60
    assert sorted(minute.requests for minute in found)[-2:] == [1, 3]
    assert (found[-6].requests, found[-6].tokens) == (3, 21)
    assert sum(minute.tokens for minute in found) == 23


def test_a_provider_fails_until_a_request_to_it_goes_well() -> None:
    def failing() -> dict[str, tuple[int, str]]:
        return last_hour.failures_in_a_row(["Afar", "Near"])

    failed: dict[str, Any] = {"backend": "Afar", "status": "error", "error_code": "provider_failed"}
    plant(log_row(backend="Afar"), log_row(**failed), log_row(**failed), log_row(backend="Near"))
    assert failing() == {"Afar": (2, "provider_failed")}
    plant(log_row(fell_back="Afar large: 500 server_error; Near x: did not begin in time"))
    assert failing() == {"Afar": (3, "500 server_error"), "Near": (1, "did not begin in time")}
    plant(log_row(backend="Afar", status="rejected"))  # the client's fault
    assert failing()["Afar"][0] == 3
    plant(log_row(backend="Afar"))
    assert set(failing()) == {"Near"}


def test_a_provider_that_is_not_in_time_fails_too() -> None:
    late: dict[str, Any] = {"backend": "Afar", "status": "timeout", "error_code": "deadline_exceeded"}
    plant(log_row(phase="queue", **late))  # it had not been asked
    assert last_hour.failures_in_a_row(["Afar"]) == {}
    plant(log_row(phase="cloud", **late))
    assert last_hour.failures_in_a_row(["Afar"]) == {"Afar": (1, "deadline_exceeded")}


def test_a_provider_is_not_taken_for_one_whose_name_begins_its_own() -> None:
    plant(log_row(fell_back="Afar East large: 500 server_error"))
    assert set(last_hour.failures_in_a_row(["Afar", "Afar East"])) == {"Afar East"}
    Provider.objects.create(name="Afar East", base_url="https://afar.example", enabled=False)
    assert last_hour.failures_in_a_row(["Afar"]) == {}


def test_who_asks_again_and_again_is_told() -> None:
    again: dict[str, Any] = {"model": "tiny", "api_key": "laptop", "status": "timeout"}
    plant(
        *(log_row(client_retries=1, prompt_tokens=number, **again) for number in range(20))
    )  # of twenty people
    plant(log_row(client_retries=2, ago=timedelta(minutes=11), **again))
    assert last_hour.retrying() == []
    same: dict[str, Any] = {**again, "prompt_tokens": 77}
    plant(*(log_row(client_retries=number, **same) for number in (0, 1, 2, 0, 1, 2)))
    [found] = last_hour.retrying()
    assert (found.model, found.api_key, found.requests, found.most) == ("tiny", "laptop", 4, 2)
    [item] = attention.items([])
    assert item.text == (
        "A client with the key laptop keeps sending the same request for tiny: 4 retries in the last 10 minutes, "
        "up to 2 of one request."
    )
    assert item.where == "/settings/#logs"


def test_models_over_the_limit_and_those_that_failed_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_settings, "limit_bytes", lambda settings: 2**30)
    [over] = attention.items([PlaceState("a", "ready", reserved_bytes=3 * 2**29)])
    assert over.text.startswith("Models hold 1.5 GB, 512 MB more than they may")
    [failed] = attention.items([PlaceState("b", "failed", error="No weights.")])
    assert (failed.text, failed.where) == ("Model b could not be loaded. No weights.", "/settings/#pool")


def test_dropped_rows_and_values_that_cannot_be_served_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert attention.items([]) == []
    monkeypatch.setattr(request_log, "dropped", 12)
    assert "missing 12 requests" in attention.items([])[0].text
    Timeout.objects.filter(pk="chat").delete()
    assert attention.items([])[0].text.startswith("Chat Completions: the database holds")


@pytest.mark.parametrize(
    ("total_gb", "free_gb", "full"),
    [(500, 25, False), (500, 19, True), (100, 6, False), (100, 4, True), (4, 0.9, True), (4, 1.1, False)],
)
def test_a_disk_is_nearly_full(
    monkeypatch: pytest.MonkeyPatch, total_gb: float, free_gb: float, full: bool
) -> None:
    usage = shutil._ntuple_diskusage(int(total_gb * 2**30), 0, int(free_gb * 2**30))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    assert bool(attention.disk(Path("/"))) == full


def test_misses_are_counted_by_phase() -> None:
    miss: dict[str, Any] = {"status": "timeout", "decode_ms": 1}
    plant(
        log_row(phase="queue", **miss),
        log_row(phase="queue", **miss, ago=timedelta(hours=20)),
        log_row(phase="prefill", **miss, ago=timedelta(hours=26)),
        log_row(phase="decode"),
    )
    assert last_hour.timeouts(24) == {"queue": 2}


def test_it_is_for_staff_and_escapes_what_a_client_made_up(client: Client) -> None:
    for path in ("/", "/dashboard/now/", "/dashboard/traffic/"):
        assert client.get(path).headers["location"].startswith("/login/")
        plain = Client()
        plain.force_login(User.objects.get_or_create(username="bob")[0])
        assert plain.get(path).status_code == 403
    client.force_login(User.objects.create_superuser("ada"))
    plant(*(log_row(model="<script>x</script>", client_retries=2) for _ in range(2)))
    page = client.get("/").content.decode()
    assert "&lt;script&gt;x" in page
    assert "<script>x" not in page
