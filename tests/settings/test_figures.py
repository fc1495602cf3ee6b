"""What a timeout would have done to the requests of the last seven days: told alike at page, API and command."""

import io
import json
import random
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from settings_app import figures, tally
from settings_app.endpoints import BY_KEY
from settings_app.models import Change, RequestLog, Timeout
from tests.log_row import log_row

pytestmark = pytest.mark.django_db
URL = "/api/settings/timeouts/figures"


def plant(*rows: RequestLog) -> None:
    RequestLog.objects.bulk_create(rows)


def test_the_shares_are_those_of_the_requests_that_ended_well(bearer: Client) -> None:
    plant(
        *(log_row(decode_ms=seconds * 1000) for seconds in range(1, 101)),
        log_row(decode_ms=500_000, status="error"),
        log_row(decode_ms=600_000, status="timeout", phase="decode"),
        log_row(decode_ms=700_000, ago=timedelta(days=8)),
        log_row(prefill_ms=250, path="/v1/embeddings", phase="prefill"),
    )
    found = bearer.get(URL).json()
    chat = {name: value for name, value in found["chat"].items() if name.endswith(("seconds", "s"))}
    assert (chat["requests"], chat["timeouts"]) == (100, 1)
    assert (chat["p50_seconds"], chat["p95_seconds"], chat["p99_seconds"]) == (50, 95, 99)
    assert chat["longest_seconds"] == 100
    assert chat["suggested_seconds"] == 180  # 148.5, up to the slider's step of 60
    assert found["embeddings"]["longest_seconds"] == 0.25
    assert found["embeddings"]["suggested_seconds"] == 30  # its least
    assert (found["completions"]["requests"], found["completions"]["suggested_seconds"]) == (0, None)
    assert Client().get(URL).status_code == 401


def test_a_chat_in_other_words_counts_as_one() -> None:
    plant(
        *(log_row(decode_ms=1000, path=path) for path in BY_KEY["chat"].answering),
        log_row(path="/v1/completions"),
    )
    assert len(BY_KEY["chat"].answering) == 3
    assert figures.current()["chat"].requests == 3


def test_a_count_of_tokens_says_nothing_of_how_long_a_chat_takes() -> None:
    aside = dict(BY_KEY["chat"].asides)
    assert set(aside) == {"/v1/messages/count_tokens", "/v1/responses/input_tokens"}
    plant(
        *(log_row(decode_ms=1000, path=path, status=status) for path in aside for status in ("ok", "timeout"))
    )
    chat = figures.current()["chat"]
    assert (chat.requests, chat.timeouts, chat.would_cut(0.5).requests) == (0, 0, 0)


def test_a_suggestion_stays_in_bounds() -> None:
    plant(log_row(decode_ms=7_100_000))
    assert figures.current()["chat"].suggested_seconds == 7200


@pytest.mark.parametrize(
    ("phases", "ended_in", "seconds", "cut_in"),
    [
        ({"queue_ms": 100_000, "decode_ms": 1}, "decode", 99, "queue"),
        ({"queue_ms": 30_000, "load_ms": 40_000, "decode_ms": 1}, "decode", 60, "load"),
        ({"queue_ms": 60_000, "prefill_ms": 1_000}, "prefill", 60, "prefill"),
        ({"load_ms": 50_000, "prefill_ms": 20_000, "decode_ms": 30_000}, "decode", 69, "prefill"),
        ({"load_ms": 50_000, "prefill_ms": 20_000, "decode_ms": 30_000}, "decode", 70, "decode"),
        ({"queue_ms": 5_000, "cloud_ms": 90_000}, "cloud", 61, "cloud"),
        ({"cloud_ms": 65_000, "decode_ms": 30_000}, "decode", 64, "cloud"),  # it fell back to this machine
        ({"cloud_ms": 65_000, "decode_ms": 30_000}, "decode", 66, "decode"),
        ({"decode_ms": 60_000.4}, "decode", 60, None),  # the clock is no finer
        ({"decode_ms": 61_000}, "decode", 61, None),
        ({"decode_ms": 61_001}, "decode", 61, "decode"),
    ],
)
def test_a_value_cuts_in_the_phase_that_it_falls_in(
    phases: dict[str, Any], ended_in: str, seconds: float, cut_in: str | None
) -> None:
    plant(log_row(phase=ended_in, **phases))
    cut = figures.current()["chat"].would_cut(seconds)
    assert dict(cut.by_phase) == ({cut_in: 1} if cut_in else {})


def test_many_values_at_once_are_as_row_by_row() -> None:
    dice = random.Random(4)
    rows = []
    for _ in range(300):
        lengths: dict[str, Any] = {
            f"{p}_ms": dice.choice([0, dice.uniform(0, 200_000)]) for p in ("queue", "load", "prefill")
        }
        rows.append(log_row(decode_ms=dice.uniform(0, 400_000), **lengths))
    plant(*rows)
    found = figures.current()["chat"]
    for seconds in range(60, 1000, 60):
        expected = [row for row in rows if round(row.total_ms) > seconds * 1000]
        assert found.would_cut(seconds).requests == len(expected)
        reading = [r for r in expected if r.queue_ms + r.load_ms <= seconds * 1000 < r.total_ms - r.decode_ms]
        assert found.would_cut(seconds).by_phase.get("prefill", 0) == len(reading)


def test_what_is_new_counts_at_once_and_what_is_old_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(log_row(decode_ms=70_000, ago=timedelta(days=6)), log_row(decode_ms=1_000))
    assert figures.current()["chat"].requests == 2
    plant(log_row(decode_ms=3_000))
    assert figures.current()["chat"].requests == 3
    monkeypatch.setattr(tally, "DAYS", 5)
    found = figures.current()["chat"]
    assert (found.requests, found.longest_seconds, found.steps) == (2, 3.0, {})
    RequestLog.objects.all().delete()
    assert figures.current()["chat"].requests == 0


def test_the_page_tells_them_and_what_the_stored_value_would_have_cut(staff: Client) -> None:
    plant(
        *(log_row(prefill_ms=s * 1000, phase="prefill") for s in (10, 100, 1000)), log_row(status="timeout")
    )
    page = staff.get("/settings/").content.decode()
    assert "3 requests ended well. Half took up to 100 s, 95 % up to 16 min 40 s" in page
    assert "Set to 15 min, it would have cut 1: 1 in prefill." in page
    assert (
        "1 more ran out of time. Whether a longer value would have saved them is not known; those that"
        in page
    )
    assert page.count("no request ended well, so there is nothing to tell a value from") == 2


def test_without_scripts_a_suggestion_is_filled_in_and_not_saved(staff: Client) -> None:
    plant(log_row(decode_ms=100_000))
    form = {"chat_seconds": "900", "initial-chat_seconds": "900", "completions_seconds": "777"}
    answer = staff.post("/settings/timeouts/chat/suggest/", form)
    page = answer.content.decode()
    assert "Chat Completions: 3 min is filled in. It holds once you save it." in page
    assert answer.context["timeouts"]["form"]["chat_seconds"].value() == "180"
    assert answer.context["timeouts"]["form"]["completions_seconds"].value() == "777"
    assert "Set to 3 min, it would have cut none." in page
    assert Timeout.objects.get(pk="chat").seconds == 900
    assert not Change.objects.filter(table="timeout").exists()
    for key in ("embeddings", "nothing"):
        assert staff.post(f"/settings/timeouts/{key}/suggest/", form).status_code == 404


def test_the_command_tells_and_changes_nothing() -> None:
    plant(*(log_row(decode_ms=s * 1000) for s in (10, 100)))

    def run(*arguments: str) -> str:
        out = io.StringIO()
        call_command("set_timeout", *arguments, stdout=out)
        return out.getvalue()

    lines = run("--suggest").splitlines()
    assert " ".join(lines[1].split()) == "chat 2 0 10 s 100 s 100 s 100 s 15 min 3 min"
    assert " ".join(lines[2].split()) == "completions 0 0 - - - - 10 min -"
    assert len(run("chat", "--suggest").splitlines()) == 2
    for more in (["chat", "15m"], ["--reset"], ["--running"]):
        with pytest.raises(CommandError, match="--suggest changes nothing"):
            run("--suggest", *more)
    assert not Change.objects.filter(table="timeout").exists()


def test_what_ran_out_of_time_counts_for_the_values_that_it_outlasted() -> None:
    plant(
        log_row(decode_ms=100_000),
        log_row(prefill_ms=200_000, decode_ms=400_000, status="timeout"),
        log_row(queue_ms=300_000, status="timeout", phase="queue"),
        log_row(decode_ms=500_000, status="client_closed"),  # which nobody waited for
    )
    found = figures.current()["chat"]
    assert (found.requests, found.timeouts, found.longest_seconds) == (1, 2, 100)
    cuts = {seconds: dict(found.would_cut(seconds).by_phase) for seconds in (60, 199, 250, 500, 600)}
    assert cuts == {
        60: {"decode": 1, "prefill": 1, "queue": 1},
        199: {"prefill": 1, "queue": 1},
        250: {"decode": 1, "queue": 1},
        500: {"decode": 1},
        600: {},
    }


def test_nothing_is_read_of_the_log_itself(bearer: Client) -> None:
    """A million rows cost a page no more than the numbers that a week has."""
    plant(*(log_row(decode_ms=90_000, ago=timedelta(hours=hours)) for hours in range(100)))
    with CaptureQueriesContext(connection) as asked:
        found = bearer.get(URL).json()["chat"]
    assert found["requests"] == 100
    assert not [query for query in asked.captured_queries if RequestLog._meta.db_table in query["sql"]]
    assert len(json.dumps(found)) < 20_000


def test_the_floor_of_a_drill_counts_too(settings: Any) -> None:
    plant(log_row(decode_ms=1_500))
    assert figures.current()["chat"].would_cut(1).requests == 0  # no such value can be saved
    settings.TIMEOUT_FLOOR_SECONDS = 0.2
    assert figures.current()["chat"].would_cut(1).requests == 1


def test_both_kinds_of_figures_document_their_own_fields(client: Client) -> None:
    client.force_login(User.objects.create_superuser("ada"))
    told = client.get("/api/openapi.json").json()
    schemas = told["components"]["schemas"]

    def answer(path: str) -> dict[str, Any]:
        found = told["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        schema: dict[str, Any] = found["schema"]
        return schema

    timeouts = answer("/api/settings/timeouts/figures")["additionalProperties"]["$ref"]
    log = answer("/api/requests/figures")["$ref"]
    assert "suggested_seconds" in schemas[timeouts.rpartition("/")[2]]["properties"]
    assert "tokens_per_second" in schemas[log.rpartition("/")[2]]["properties"]
