"""The routing rules through their doors: what is taken, what is refused, their marks, and where a name would go."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from settings_app import rules
from settings_app.changes import Author
from settings_app.models import Change, Provider, Rule
from tests.settings.ruling import URL, Call, made, patterns

pytestmark = pytest.mark.django_db


def test_a_rule_has_what_was_said_and_defaults_for_the_rest(call: Call, afar: Provider) -> None:
    fallback = {"causes": ["timeout", "error"], "after_seconds": 20}
    answer = call(
        "POST", "/rules", {"pattern": "gpt-*", "kind": "glob", "provider": afar.pk, "fallbacks": [fallback]}
    )
    assert answer.status_code == 201
    rule = answer.json()
    assert rule == {
        "id": rule["id"],
        "position": 1,
        "pattern": "gpt-*",
        "kind": "glob",
        "provider": afar.pk,
        "target_model": "",
        "fallbacks": [
            {"provider": None, "target_model": "", "causes": ["error", "timeout"], "after_seconds": 20.0}
        ],
        "local_only": False,
        "enabled": True,
        "problem": "provider Afar has no API key",
        "shadowed_by": None,
    }
    assert call("GET", "/rules").json() == {"rules": [rule], "next_after": None}


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "pattern", "required"),
        ({"pattern": ""}, "pattern", "blank"),
        ({"pattern": 7}, "pattern", "string"),
        ({"pattern": "x", "kind": "like"}, "kind", "exact"),
        ({"pattern": r"(a)\1", "kind": "regex"}, "pattern", "The pattern cannot be used"),
        ({"pattern": "x" * 501}, "pattern", "500"),
        ({"pattern": "x", "provider": 99}, "provider", "There is no such provider."),
        ({"pattern": "x", "provider": "1"}, "provider", "integer"),
        ({"pattern": "x", "provider": True}, "provider", "integer"),
        ({"pattern": "x", "enabled": 1}, "enabled", "boolean"),
        ({"pattern": "x", "colour": "red"}, "colour", "not permitted"),
        ({"pattern": "x", "position": 0}, "position", "greater than or equal to 1"),
        ({"pattern": "x", "fallbacks": {}}, "fallbacks", "list"),
        ({"pattern": "x", "fallbacks": [{}]}, "fallbacks", "Fallback 1, causes: name one or more of"),
        (
            {"pattern": "x", "fallbacks": [{"causes": ["error"], "provider": 99}]},
            "fallbacks",
            "no such provider",
        ),
        ({"pattern": "x", "fallbacks": [{"causes": ["error"], "why": 1}]}, "fallbacks", "nothing else"),
        ({"pattern": "x", "fallbacks": [{"causes": ["error"], "after_seconds": 0}]}, "fallbacks", "above 0"),
        (
            {"pattern": "x", "fallbacks": [{"causes": ["error"], "after_seconds": True}]},
            "fallbacks",
            "number",
        ),
        ({"pattern": "x", "fallbacks": [{"causes": ["error"]}] * 9}, "fallbacks", "at most 8"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(call: Call, body: Any, field: str, said: str) -> None:
    answer = call("POST", "/rules", body)
    assert answer.status_code == 422
    [error] = answer.json()["detail"]
    assert field in error["loc"]
    assert said in error["msg"]
    assert not Rule.objects.exists()


def test_what_never_leaves_this_machine_names_no_provider(call: Call, afar: Provider) -> None:
    fallback = {"provider": afar.pk, "causes": ["error"]}
    answer = call(
        "POST", "/rules", {"pattern": "x", "local_only": True, "provider": afar.pk, "fallbacks": [fallback]}
    )
    said = {error["loc"][-1]: error["msg"] for error in answer.json()["detail"]}
    assert said == {
        "provider": "This rule never leaves this machine, so it can name no provider.",
        "fallbacks": "Fallback 1, provider: this rule never leaves this machine, so it can name none.",
    }


def test_a_change_leaves_out_what_it_leaves_out_and_is_in_the_history(call: Call) -> None:
    [id] = made(call, "a")
    answer = call("PATCH", f"/rules/{id}", {"target_model": "tiny"})
    assert (answer.json()["pattern"], answer.json()["target_model"]) == ("a", "tiny")
    change = Change.objects.first()
    assert change is not None
    assert (change.door, change.field, change.old, change.new) == ("api", "target_model", "", "tiny")
    assert call("PATCH", f"/rules/{id}", {"pattern": None}).status_code == 422
    assert call("PATCH", "/rules/99", {"pattern": "x"}).status_code == 404


def test_two_who_change_one_rule_at_once_lose_nothing(call: Call) -> None:
    """A door has read the rule; another one changes it before that door writes."""
    a, b = made(call, "a", "b")
    seen = Rule.objects.get(pk=a)
    call("PATCH", f"/rules/{a}", {"target_model": "tiny"})
    call("POST", f"/rules/{b}/move", {"before": a})
    rules.change(seen, {"enabled": False}, Author("ada", "page"))
    rule = Rule.objects.get(pk=a)
    assert (rule.target_model, rule.enabled, rule.position) == ("tiny", False, 2)


def test_marks_tell_what_is_never_followed(call: Call, afar: Provider) -> None:
    first, keyless, shadowed, off = (
        call("POST", "/rules", body).json()["id"]
        for body in (
            {"pattern": "gpt-*", "kind": "glob"},
            {"pattern": "o", "kind": "prefix", "provider": afar.pk},
            {"pattern": "gpt-9"},
            {"pattern": "gpt-9", "enabled": False},
        )
    )
    call("POST", "/rules", {"pattern": "o9"})  # the rule before it is passed over, and so shadows nothing

    def marked() -> list[tuple[int, str, int | None]]:
        found = call("GET", "/rules").json()["rules"]
        return [(rule["id"], rule["problem"], rule["shadowed_by"]) for rule in found[:4]]

    keys = "provider Afar has no API key"
    assert marked() == [(first, "", None), (keyless, keys, None), (shadowed, "", first), (off, "", None)]
    assert call("GET", "/rules").json()["rules"][4]["shadowed_by"] is None
    assert call("PATCH", f"/rules/{shadowed}", {"pattern": "gpt-10"}).json()["shadowed_by"] == first
    assert call("PATCH", f"/rules/{first}", {"enabled": False}).json()["problem"] == ""
    assert marked()[2] == (shadowed, "", None)


def test_a_list_is_paged(call: Call) -> None:
    made(call, "a", "b", "c")
    first = call("GET", "/rules?limit=2").json()
    assert [rule["pattern"] for rule in first["rules"]] == ["a", "b"]
    rest = call("GET", f"/rules?limit=2&after={first['next_after']}").json()
    assert ([rule["pattern"] for rule in rest["rules"]], rest["next_after"]) == (["c"], None)


def test_a_rule_outlives_its_provider_and_is_not_local_then(call: Call, afar: Provider) -> None:
    rule = call("POST", "/rules", {"pattern": "x", "provider": afar.pk}).json()
    afar.delete()
    marked = {**rule, "problem": "its provider was deleted"}
    assert call("GET", "/rules").json()["rules"] == [marked]
    off = call("PATCH", f"/rules/{rule['id']}", {"enabled": False, "pattern": "y"})
    assert off.json() == {**marked, "enabled": False, "pattern": "y", "problem": ""}
    again = call("POST", "/rules", {"pattern": "x", "provider": rule["provider"]})
    assert (again.status_code, again.json()["detail"][0]["msg"]) == (422, "There is no such provider.")


def test_the_admin_is_a_door_with_the_same_checks_and_the_same_history(client: Client, call: Call) -> None:
    client.force_login(User.objects.create_superuser("ada"))
    add = "/admin/settings_app/rule/add/"
    typed = {"pattern": "(a", "kind": "regex", "fallbacks": '[{"causes": []}]', "enabled": "on"}
    refused = client.post(add, typed)
    errors = refused.context["adminform"].form.errors
    assert "The pattern cannot be used" in errors["pattern"][0]
    assert "Fallback 1, causes: name one or more of" in errors["fallbacks"][0]
    made(call, "a")
    assert client.post(add, {**typed, "pattern": "b+", "fallbacks": "[]"}).status_code == 302
    assert patterns(call) == [(1, "a"), (2, "b+")]
    change = Change.objects.first()
    assert change is not None
    assert (change.who, change.door, change.new) == ("ada", "admin", "matches the regular expression b+")
    rule = Rule.objects.get(pattern="a")
    client.post(f"/admin/settings_app/rule/{rule.pk}/delete/", {"post": "yes"})
    assert patterns(call) == [(1, "b+")]


def test_the_admin_changes_what_was_changed_there_and_shows_the_marks(
    client: Client, call: Call, afar: Provider
) -> None:
    client.force_login(User.objects.create_superuser("ada"))
    _, second = made(call, "a", "b")
    provider = afar.pk
    call("PATCH", f"/rules/{second}", {"provider": provider})
    afar.delete()
    change = f"/admin/settings_app/rule/{second}/change/"
    form = client.get(change).context["adminform"].form
    assert (form.initial["provider"], form.initial["goes_to"]) == (str(provider), 2)
    kept = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    typed = {**kept, "fallbacks": "[]"}
    assert client.post(change, {**typed, "target_model": "large", "goes_to": "1"}).status_code == 302
    rule = Rule.objects.get(pk=second)
    assert (rule.provider_id, rule.target_model, rule.position) == (provider, "large", 1)
    refused = client.post(change, {**typed, "local_only": "on", "goes_to": "0"})
    errors = refused.context["adminform"].form.errors
    assert errors["goes_to"] == ["The first position is 1."]
    assert "can name no provider" in errors["provider"][0]
    assert (
        client.post(
            "/admin/settings_app/rule/add/",
            {"pattern": "c", "kind": "prefix", "goes_to": "2", "enabled": "on", "fallbacks": "[]"},
        ).status_code
        == 302
    )
    assert patterns(call) == [(1, "b"), (2, "c"), (3, "a")]
    call("POST", "/rules", {"pattern": "c9"})
    listed = client.get("/admin/settings_app/rule/").content.decode()
    assert "Passed over: its provider was deleted." in listed
    assert "Rule 2 (c) matches all that it does." in listed


def test_strangers_are_refused(client: Client) -> None:
    client.force_login(User.objects.create_user("guest"))
    assert client.get(f"{URL}/rules").status_code == 401
    assert client.post(f"{URL}/rules", "{}", "application/json").status_code == 401


def test_the_tester_says_what_the_router_decides(call: Call, afar: Provider) -> None:
    fallback = {"provider": None, "target_model": "gone", "causes": ["timeout"], "after_seconds": 3}
    keyless = call("POST", "/rules", {"pattern": "gpt-9", "provider": afar.pk}).json()["id"]
    rule = call(
        "POST",
        "/rules",
        {"pattern": "gpt-", "kind": "prefix", "target_model": "tiny", "fallbacks": [fallback]},
    ).json()
    said = call("POST", "/rules/test", {"model": "gpt-9"}).json()
    nothing_here = "There is no such model on this machine."
    local = {"backend": "local", "provider": None, "problem": nothing_here}
    assert said == {
        "model": "gpt-9",
        "rule": {"id": rule["id"], "position": 2, "kind": "prefix", "pattern": "gpt-"},
        "targets": [
            {**local, "model": "tiny", "causes": [], "after_seconds": None},
            {**local, "model": "gone", "causes": ["timeout"], "after_seconds": 3.0},
        ],
        "skipped": ["rule 1 (gpt-9): provider Afar has no API key"],
        "refused": "",
        "status": 200,
    }
    call("DELETE", f"/rules/{rule['id']}")
    refused = call("POST", "/rules/test", {"model": "gpt-9"}).json()
    assert (refused["status"], refused["targets"]) == (503, [])
    assert "provider Afar has no API key" in refused["refused"]
    call("DELETE", f"/rules/{keyless}")
    assert call("POST", "/rules/test", {"model": "gpt-9"}).json()["status"] == 404
