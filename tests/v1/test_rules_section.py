"""What is done in the section Model Routing Rules holds for the next request of a real server."""

from collections.abc import Iterator

import pytest

from tests.server import Server
from tests.v1.asking import SHORT, ask
from tests.v1.signed_in import SignedIn, number_in

NEW = "/settings/rules/new/"
FORM = {"kind": "exact", "provider": "", "enabled": "on", "fallbacks": "0"}


@pytest.fixture(scope="module")
def page(shared_server: Server) -> Iterator[SignedIn]:
    with shared_server.http() as http:
        yield SignedIn(shared_server, http)


@pytest.fixture(autouse=True)
def no_rules_left(server: Server) -> Iterator[None]:
    yield
    server.rows("DELETE FROM settings_app_rule")


def made(page: SignedIn, pattern: str, **typed: str) -> int:
    shown = page.post(NEW, **{**FORM, "pattern": pattern, **typed}).text
    return number_in(shown, r'id="rule-(\d+)"[^>]* data-shown')


def test_every_button_of_the_page_bites(server: Server, page: SignedIn) -> None:
    def served() -> int:
        return ask(server, **{**SHORT, "model": "gpt-9"}).status_code

    assert served() == 404
    first = made(page, "gpt-", kind="prefix", target_model="tiny")
    assert served() == 200
    page.post(f"/settings/rules/{first}/switch/")
    assert served() == 404
    page.post(f"/settings/rules/{first}/switch/", enabled="on")
    second = made(page, "gpt-9", target_model="nobody")
    assert served() == 200
    page.post(f"/settings/rules/{second}/move/", before=first)
    assert served() == 404
    page.post(f"/settings/rules/{second}/", **{**FORM, "pattern": "gpt-10", "target_model": "nobody"})
    assert served() == 200
    deleted = page.post(f"/settings/rules/{first}/delete/").text
    assert served() == 404
    page.post(f"/settings/rules/undo/{number_in(deleted, r'/settings/rules/undo/([0-9]+)/')}/")
    assert served() == 200


def test_a_fallback_that_is_typed_on_the_page_serves(server: Server, page: SignedIn) -> None:
    typed = {"fallbacks": "1", "fallback-0-target_model": "tiny", "fallback-0-causes": "error"}
    id = made(page, "gpt-9", target_model="nobody", **typed)
    answer = ask(server, **{**SHORT, "model": "gpt-9"})
    assert (answer.status_code, answer.json()["model"]) == (200, "tiny")
    typed["fallback-0-causes"] = "overload"
    page.post(f"/settings/rules/{id}/", **{**FORM, "pattern": "gpt-9", "target_model": "nobody", **typed})
    assert ask(server, **{**SHORT, "model": "gpt-9"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "typed", "status", "said"),
    [
        (NEW, {**FORM, "pattern": ""}, 422, "This field cannot be blank."),
        (NEW, {**FORM, "pattern": "x" * 501}, 422, "at most 500 characters"),
        (NEW, {**FORM, "pattern": "x", "kind": "like"}, 422, "Select a valid choice"),
        (NEW, {**FORM, "pattern": "x", "provider": "99"}, 422, "Select a valid choice"),
        (NEW, {**FORM, "pattern": "x", "position": "0"}, 422, "The first position is 1."),
        (NEW, {**FORM, "pattern": "x", "position": "first"}, 422, "Enter a whole number."),
        (
            NEW,
            {**FORM, "pattern": "x", "fallbacks": "1"},
            422,
            "Name one or more of error, overload, timeout.",
        ),
        (NEW, {**FORM, "pattern": "x\x00"}, 422, "Null characters are not allowed."),
        ("/settings/rules/999/", {**FORM, "pattern": "x"}, 422, "That rule is not there any more."),
        ("/settings/rules/999/move/", {"before": "1"}, 422, "That rule is not there any more."),
        ("/settings/rules/undo/999/", {}, 422, "There is no such deletion of a rule."),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    page: SignedIn, path: str, typed: dict[str, str], status: int, said: str
) -> None:
    answer = page.post(path, **typed)
    assert (answer.status_code, said in answer.text) == (status, True)
    assert 'data-rule="' not in page.get("/settings/").text


@pytest.mark.parametrize(
    "body", [{"fallbacks": "x"}, {"fallbacks": "9999"}, {"press": "raise-7"}, {"seen": "[1]"}]
)
def test_no_form_makes_it_fail(page: SignedIn, body: dict[str, str]) -> None:
    assert page.post(NEW, **{**FORM, "pattern": "x", **body}).status_code in (200, 422)


def test_strangers_see_nothing_of_it(server: Server) -> None:
    with server.http() as http:
        for path in ("/settings/rules/", NEW, "/settings/route/?model=x"):
            answer = http.get(path)
            assert (answer.status_code, answer.headers["location"].startswith("/login/")) == (302, True)
        assert http.post("/settings/rules/1/delete/").status_code == 403
