"""A provider's key stands in the request to the provider and nowhere else: it is planted, used and looked for."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.provider import Provider, provider
from tests.server import Server
from tests.v1.asking import SHORT, ask
from tests.v1.signed_in import SignedIn, number_in

URL = "/api/settings/providers"
PLANTED = {door: f"sk-{door}-Zq7wXv9KpL2mN4tR8sYbG3hJ5dF6cA1e" for door in ("api", "page", "admin")}


class Leaks:
    """The answers that were seen, and where else a key may lie."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.seen: list[str] = []

    def keep(self, answer: Any) -> Any:
        self.seen.append(f"{answer.headers}\n{answer.text}")
        return answer

    def found(self) -> list[str]:
        """Names of the places where a planted key, or its base64, stands."""
        places = {f"answer {number}": text.encode() for number, text in enumerate(self.seen)}
        places |= {path.name: path.read_bytes() for path in self.server.home.iterdir() if path.is_file()}
        places["log"] = "\n".join(self.server.lines).encode()
        needles = [needle for key in PLANTED.values() for needle in _forms(key)]
        found = {place: max(text.find(needle) for needle in needles) for place, text in places.items()}
        return [
            f"{place}: {places[place][max(0, at - 200) : at + 60]!r}"
            for place, at in found.items()
            if at >= 0
        ]


def _forms(key: str) -> Iterator[bytes]:
    yield key.encode()
    yield key[-12:].encode()  # a key that is shown in part
    yield base64.b64encode(key.encode())[:-4]


@pytest.fixture
def leaks(server: Server) -> Iterator[Leaks]:
    yield Leaks(server)
    server.rows("DELETE FROM settings_app_rule")
    server.rows("DELETE FROM settings_app_provider")


def test_a_planted_key_is_nowhere_but_where_it_is_sent(server: Server, leaks: Leaks) -> None:
    with provider() as told, provider() as other, server.http() as http, server.api() as api:
        ada = SignedIn(server, http)
        ids = _plant(leaks, ada, api, told)
        for door, id in ids.items():
            leaks.keep(api.post("/api/settings/rules", json={"pattern": f"by-{door}", "provider": id}))
        _use(leaks, ids, api, ada, told, other)
        assert {asked["authorization"] for asked in told.asked} == {
            f"Bearer {key}" for key in PLANTED.values()
        }
        _change(leaks, ids, api, ada, told)
        _look_everywhere(leaks, ids, api, ada)
        leaks.seen += ada.seen
        assert leaks.found() == []
        assert other.asked == [], "a redirect was followed, with the key"
        leaks.seen.append(PLANTED["page"])
        assert leaks.found(), "this very test finds one"


def _plant(leaks: Leaks, ada: SignedIn, api: Any, told: Provider) -> dict[str, int]:
    form = {"protocol": "openai", "base_url": told.url, "allow_private": "on", "enabled": "on"}
    made = leaks.keep(api.post(URL, json={"name": "api", "base_url": told.url, "allow_private": True}))
    ids = {"api": made.json()["id"]}
    leaks.keep(api.patch(f"{URL}/{ids['api']}", json={"api_key": PLANTED["api"]})).raise_for_status()
    for door, address in (
        ("page", "/settings/providers/new/"),
        ("admin", "/admin/settings_app/provider/add/"),
    ):
        refused = ada.post(address, **{**form, "name": "", "api_key": PLANTED[door]})
        assert "Give the provider a name." in refused.text
        ada.post(address, **{**form, "name": door, "api_key": PLANTED[door]})
    listed = leaks.keep(api.get(URL)).json()["providers"]
    ids |= {one["name"]: one["id"] for one in listed}
    assert set(ids) == set(PLANTED)
    return ids


def _use(leaks: Leaks, ids: dict[str, int], api: Any, ada: SignedIn, told: Provider, other: Provider) -> None:
    """All goes well, and then wrong in many ways; a provider that repeats the key is one of them."""

    def round(status: int = 200, *, repeats: bool = False) -> None:
        told.status = status
        for door, id in ids.items():
            said = {"error": {"message": f"Incorrect API key: {PLANTED[door]}.", "code": PLANTED[door]}}
            told.body = [json.dumps(said).encode()] if repeats else None
            leaks.keep(ask(leaks.server, **{**SHORT, "model": f"by-{door}"}))
            leaks.keep(ask(leaks.server, **{**SHORT, "model": f"by-{door}", "stream": True}))
            if door == "page":
                ada.post(f"/settings/providers/{id}/test/")
            else:
                leaks.keep(api.post(f"{URL}/{id}/test"))

    round()
    for status in (200, 401, 500):
        round(status, repeats=True)
    told.headers = {"location": other.url + "/chat/completions"}
    round(302)
    told.headers, told.cut = {}, True
    round()
    told.cut = False
    leaks.keep(
        api.patch(
            f"{URL}/{ids['api']}", json={"base_url": "http://127.0.0.1:9/v1", "api_key": PLANTED["api"]}
        )
    )
    leaks.keep(ask(leaks.server, **{**SHORT, "model": "by-api"}))  # refused by the system
    leaks.keep(api.post(f"{URL}/{ids['api']}/test"))


def _change(leaks: Leaks, ids: dict[str, int], api: Any, ada: SignedIn, told: Provider) -> None:
    """Edited, refused, failed with an error of the server's own, rotated, deleted, put back."""
    leaks.keep(
        api.patch(f"{URL}/{ids['api']}", json={"base_url": told.url, "api_key": PLANTED["api"], "name": 7})
    )
    leaks.keep(api.patch(f"{URL}/{ids['api']}", json={"api_key": [PLANTED["api"]]}))
    leaks.keep(api.patch(f"{URL}/{ids['api']}", json={"api_key": f"{PLANTED['api']} {PLANTED['api']}"}))
    leaks.keep(api.patch(f"{URL}/{ids['api']}", content=f'{{"api_key": "{PLANTED["api"]}"'))
    _fail(leaks, ids, api, ada)
    rotated = leaks.server.manage("rotate_keys")
    leaks.seen.append(rotated.stdout + rotated.stderr)
    ada.post(f"/settings/providers/{ids['page']}/delete/")
    ada.post(f"/admin/settings_app/provider/{ids['admin']}/delete/", post="yes")
    leaks.keep(api.delete(f"{URL}/{ids['api']}"))
    changes = leaks.keep(api.get("/api/settings/history?limit=500")).json()["changes"]
    for change in changes:
        if change["label"] in PLANTED:
            leaks.keep(api.post(f"/api/settings/history/{change['id']}/revert"))


def _fail(leaks: Leaks, ids: dict[str, int], api: Any, ada: SignedIn) -> None:
    """The server's own fault: a table that it writes is gone while it stores the key. The log has the traceback."""
    server = leaks.server
    before = len(server.lines)
    server.rows("ALTER TABLE settings_app_change RENAME TO away")
    try:
        answers = [
            leaks.keep(api.patch(f"{URL}/{ids['api']}", json={"api_key": PLANTED["api"]})),
            ada.post(
                f"/settings/providers/{ids['page']}/", name="page", api_key=PLANTED["page"], remove_key=""
            ),
            ada.post(
                f"/admin/settings_app/provider/{ids['admin']}/change/", name="x", api_key=PLANTED["admin"]
            ),
        ]
    finally:
        server.rows("ALTER TABLE away RENAME TO settings_app_change")
    assert answers[0].status_code == 500
    assert "Traceback" in "\n".join(server.lines[before:])


def _look_everywhere(leaks: Leaks, ids: dict[str, int], api: Any, ada: SignedIn) -> None:
    for path in ("", "?limit=1", *(f"/{id}" for id in ids.values())):
        leaks.keep(api.get(URL + path))
    leaks.keep(api.get("/api/settings/history?limit=500"))
    leaks.keep(api.get("/api/settings/rules"))
    for path in ("/settings/", "/history/", "/admin/settings_app/provider/", "/admin/settings_app/change/"):
        ada.get(path)
    for id in ids.values():
        ada.get(f"/settings/providers/{id}/")
        page = ada.get(f"/admin/settings_app/provider/{id}/change/").text
        ada.get(f"/admin/settings_app/provider/{id}/history/")
        assert number_in(page, r"provider/(\d+)/history") == id
