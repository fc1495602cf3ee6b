"""Where a request goes when rules send it elsewhere: to another model, to a provider, to a fallback."""

import json
from typing import Any

import pytest

from tests.protocols import WORDS
from tests.provider import KEY, Provider
from tests.server import Server
from tests.v1.asking import CHAT, LONG, SHORT, ask
from tests.v1.routed import change, rule
from tests.waiting import in_time


@pytest.mark.parametrize(
    ("kind", "pattern", "other"),
    [
        ("exact", "gpt-9", "gpt-99"),
        ("prefix", "gpt-", "opt-9"),
        ("glob", "g?t-[0-9]", "gpt-99"),
        ("regex", "gpt-(9|10)", "gpt-99"),
    ],
)
def test_a_rule_holds_from_the_next_request_on(server: Server, kind: str, pattern: str, other: str) -> None:
    with server.api() as api:
        wanted = {"kind": kind, "pattern": pattern, "target_model": "tiny"}
        made = api.post("/api/settings/rules", json=wanted).raise_for_status().json()
        try:
            answer = ask(server, **{**SHORT, "model": "gpt-9"})
            assert (answer.status_code, answer.json()["model"]) == (200, "tiny")
            assert answer.headers["x-mlx-backend"] == "local"
            row = server.logged(answer.headers["x-request-id"])
            assert (row["model"], row["served_model"], row["rule"]) == ("gpt-9", "tiny", f"{kind} {pattern}")
            assert ask(server, **{**SHORT, "model": other}).status_code == 404
            api.patch(f"/api/settings/rules/{made['id']}", json={"enabled": False}).raise_for_status()
            assert ask(server, **{**SHORT, "model": "gpt-9"}).status_code == 404
        finally:
            api.delete(f"/api/settings/rules/{made['id']}").raise_for_status()


def test_the_first_rule_wins_and_the_order_is_a_setting(server: Server) -> None:
    with server.api() as api:
        rules = [{"pattern": "m", "target_model": "tiny"}, {"pattern": "m", "target_model": "nobody"}]
        ids = [api.post("/api/settings/rules", json=rule).raise_for_status().json()["id"] for rule in rules]
        try:
            assert ask(server, **{**SHORT, "model": "m"}).status_code == 200
            api.put("/api/settings/rules/order", json={"order": ids[::-1]}).raise_for_status()
            assert ask(server, **{**SHORT, "model": "m"}).status_code == 404
        finally:
            for id in ids:
                api.delete(f"/api/settings/rules/{id}").raise_for_status()


@pytest.mark.parametrize("stream", [False, True])
def test_a_rule_sends_a_name_to_a_provider(server: Server, afar: Provider, stream: bool) -> None:
    rule(server, afar, "gpt-9", target_model="large")
    client = server.openai()
    asked: Any = {"model": "gpt-9", "messages": [{"role": "user", "content": "hi"}], "timeout": 30}
    if stream:
        raw = client.chat.completions.with_raw_response.create(**asked, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse())
    else:
        raw = client.chat.completions.with_raw_response.create(**asked)
        text = raw.parse().choices[0].message.content or ""
    assert text == "".join(WORDS)
    (sent,) = afar.asked
    assert (sent["model"], sent["path"], sent["authorization"]) == (
        "large",
        "/v1/chat/completions",
        f"Bearer {KEY}",
    )
    assert "timeout" not in sent
    row = server.logged(raw.headers["x-request-id"])
    assert (row["status"], row["backend"], row["served_model"]) == ("ok", "Afar", "large")
    assert (row["finish_reason"], row["completion_tokens"]) == ("stop", len(WORDS))
    assert row["cloud_ms"] > 0
    assert KEY not in json.dumps(row) + "\n".join(server.lines)


@pytest.mark.parametrize(
    ("status", "silence", "cause", "after", "why"),
    [
        (500, 0.0, "error", None, "500 provider_failed"),
        (429, 0.0, "overload", None, "429 provider_failed"),
        (200, 3.0, "timeout", 0.5, "did not begin in time"),
        (200, 3.0, "timeout", None, "did not begin in time"),
    ],
)
def test_a_fallback_serves_its_causes_in_the_time_that_is_left(
    server: Server, afar: Provider, status: int, silence: float, cause: str, after: float | None, why: str
) -> None:
    afar.status, afar.silence = status, silence
    fallback = {"provider": None, "target_model": "tiny", "causes": [cause], "after_seconds": after}
    rule(server, afar, "gpt-9", fallbacks=[fallback])
    answer = ask(server, **{**SHORT, "model": "gpt-9", "timeout": 2})
    assert (answer.status_code, answer.headers["x-mlx-backend"]) == (200, "local")
    assert answer.headers["x-mlx-deadline-seconds"] == "2"
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["fell_back"]) == ("ok", f"Afar gpt-9: {why}")
    assert len(afar.asked) == 1


def test_another_cause_is_no_reason_to_fall_back(server: Server, afar: Provider) -> None:
    afar.status = 500
    fallback = {"provider": None, "target_model": "tiny", "causes": ["overload", "timeout"]}
    rule(server, afar, "gpt-9", fallbacks=[fallback])
    answer = ask(server, **{**SHORT, "model": "gpt-9"})
    assert (answer.status_code, answer.json()["error"]["provider"]) == (500, "Afar")


def test_a_stream_that_breaks_off_afar_is_no_success(server: Server, afar: Provider) -> None:
    afar.cut = True
    fallback = {"provider": None, "target_model": "tiny", "causes": ["error", "overload", "timeout"]}
    rule(server, afar, "gpt-9", fallbacks=[fallback])
    answer = ask(server, **{**SHORT, "model": "gpt-9", "stream": True})
    *_, error, done = [line for line in answer.text.splitlines() if line]
    assert '"provider_failed"' in error
    assert done == "data: [DONE]"
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["http_status"]) == ("error", 200)


@pytest.mark.parametrize("stream", [False, True])
def test_the_deadline_cuts_a_provider_too(server: Server, afar: Provider, stream: bool) -> None:
    afar.endless, afar.silence = stream, 0.0 if stream else 3.0
    rule(server, afar, "gpt-9")
    answer = ask(server, **{**LONG, "model": "gpt-9", "timeout": 0.5, "stream": stream})
    assert '"deadline_exceeded"' in answer.text
    assert '"phase":"cloud"' in answer.text
    row = server.logged(answer.headers["x-request-id"])
    assert (row["status"], row["phase"]) == ("timeout", "cloud")
    assert in_time(row["total_ms"] / 1000, 0.5)
    afar.endless = False
    assert not stream or afar.left.wait(3)


def test_who_leaves_ends_it_at_the_provider(server: Server, afar: Provider) -> None:
    afar.endless = True
    rule(server, afar, "gpt-9")
    with (
        server.http() as http,
        http.stream("POST", CHAT, json={**LONG, "model": "gpt-9", "stream": True}) as answer,
    ):
        next(answer.iter_lines())
    assert afar.left.wait(5)
    assert server.logged(answer.headers["x-request-id"])["status"] == "client_closed"


@pytest.mark.parametrize(
    ("values", "said"),
    [({"enabled": False}, "is switched off"), ({"api_key": ""}, "has no API key"), (None, "was deleted")],
)
def test_a_provider_that_cannot_be_used_is_never_replaced_by_a_local_model(
    server: Server, afar: Provider, values: dict[str, Any] | None, said: str
) -> None:
    rule(server, afar, "tiny")  # a cloud rule for the very name of a local model
    if values is None:
        with server.api() as api:
            api.delete(f"/api/settings/providers/{afar.id}").raise_for_status()
    else:
        change(server, afar, **values)
    answer = ask(server, **SHORT)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (503, "provider_unavailable")
    assert said in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert afar.asked == []


def test_a_rule_that_never_leaves_this_machine_takes_no_provider_at_the_door(
    server: Server, afar: Provider
) -> None:
    to_afar = {"provider": afar.id, "target_model": "", "causes": ["error"]}
    here: dict[str, Any] = {"pattern": "gpt-9", "target_model": "nobody", "fallbacks": [to_afar]}
    with server.api() as api:
        for wanted in (
            {**here, "local_only": True},
            {"pattern": "x", "provider": afar.id, "local_only": True},
        ):
            refused = api.post("/api/settings/rules", json=wanted)
            assert (refused.status_code, "never leaves this machine" in refused.text) == (422, True)
        assert api.get("/api/settings/rules").json()["rules"] == []
        made = api.post("/api/settings/rules", json={**here, "provider": afar.id}).raise_for_status().json()
        assert ask(server, **{**SHORT, "model": "gpt-9"}).headers["x-mlx-backend"] == "Afar"
        change = f"/api/settings/rules/{made['id']}"
        assert api.patch(change, json={"local_only": True}).status_code == 422
        kept_here: dict[str, Any] = {
            "local_only": True,
            "provider": None,
            "target_model": "tiny",
            "fallbacks": [],
        }
        api.patch(change, json=kept_here).raise_for_status()
        assert ask(server, **{**SHORT, "model": "gpt-9"}).headers["x-mlx-backend"] == "local"
    assert len(afar.asked) == 1


@pytest.mark.parametrize("as_fallback", [False, True], ids=["target", "fallback"])
def test_such_a_rule_that_came_past_the_doors_reaches_no_provider(
    server: Server, afar: Provider, as_fallback: bool
) -> None:
    """The same rule without the mark does, so it is the mark that holds it back."""
    to_afar = {"provider": afar.id, "target_model": "", "causes": ["error", "overload", "timeout"]}
    columns = "name, kind, path, adapter, pinned, preload"
    broken = f"INSERT INTO settings_app_localmodel ({columns}) VALUES (?, 'text', ?, '', 0, 0)"
    planted = (
        "INSERT INTO settings_app_rule (position, pattern, kind, provider_id, target_model, fallbacks, local_only,"
        " enabled) VALUES (1, 'gpt-9', 'exact', ?, 'broken', ?, 1, 1)"
    )
    server.rows(broken, "broken", "/nowhere")
    try:
        server.rows(planted, None if as_fallback else afar.id, json.dumps([to_afar] if as_fallback else []))
        refused = ask(server, **{**SHORT, "model": "gpt-9"})
        assert refused.status_code >= 500
        assert as_fallback or "never leaves this machine" in refused.json()["error"]["message"]
        assert afar.asked == []
        server.rows("UPDATE settings_app_rule SET local_only = 0")
        followed = ask(server, **{**SHORT, "model": "gpt-9"})
        assert (followed.status_code, followed.headers.get("x-mlx-backend")) == (200, "Afar")
        assert len(afar.asked) == 1
    finally:
        server.rows("DELETE FROM settings_app_localmodel WHERE name = 'broken'")
