"""What was said, and every key, is planted wherever a request or a provider can say it; and is then found nowhere.

A model's name, which is kept and shown, is looked for in the same places in the same way: and is found in all of them.
"""

import itertools
import json
import secrets
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import FLOOR, warm
from tests.protocols import OpenAI
from tests.provider import KEY, Provider
from tests.server import Server, environment, manage, serving
from tests.v1.asking import CHAT, LONG, SHORT
from tests.v1.routed import planted, rule
from tests.v1.signed_in import SignedIn
from tests.waiting import until

HEADERS = (
    *(
        "x-request-id",
        "x-correlation-id",
        "traceparent",
        "idempotency-key",
        "user-agent",
        "cookie",
        "referer",
    ),
    *("x-title", "x-api-key", "x-forwarded-user", "openai-organization", "x-stainless-retry-count"),
    *("x-stainless-read-timeout", "x-request-timeout", "grpc-timeout", "x-envoy-expected-rq-timeout-ms"),
)
PART = 12  # characters: what was cut off is found too
NAMED = f"zq{secrets.token_hex(12)}"  # a model of the provider's
TOLD = {"rows", "csv", "json", "jsonl", "each", "live", "/metrics", "/api/settings/history"}
TOLD |= {"/settings/", "/settings/logs/", "/history/"}  # where it stands of what is looked at later


class Planted:
    """A secret for each place, made when it is first asked for: letters and figures alone, as a code may be."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {"a provider's key": KEY}

    def __getitem__(self, where: str) -> str:
        return self.made.setdefault(where, f"zq{secrets.token_hex(12)}")

    def found_in(self, text: str) -> list[str]:
        """The places whose secrets are in it, or the beginning or end of one."""
        text = text.lower()
        return [
            where
            for where, secret in self.made.items()
            if secret[:PART].lower() in text or secret[-PART:].lower() in text
        ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("privacy")
    manage(environment(home, **FLOOR), "add_model", "tiny", str(tiny_model))
    with serving(home, **FLOOR) as server:
        warm(server)
        yield server


def body(planted: Planted, **more: Any) -> dict[str, Any]:
    message = {"role": "user", "content": f"I am {planted['prompt']}."}
    return {**SHORT, "messages": [message], "user": planted["user"], **more}


def headers(planted: Planted, key: str) -> dict[str, str]:
    """Every header that means something here or elsewhere."""
    sent = {name: planted[f"header {name}"] for name in HEADERS}
    return {**sent, "prefer": f"wait={planted['prefer']}", "authorization": f"Bearer {key}"}


def of_this_machine(server: Server, http: httpx2.Client, planted: Planted) -> None:
    http.post(CHAT, json=body(planted), params={"q": planted["query"]}).raise_for_status()
    answer = http.post(CHAT, json=body(planted, max_tokens=40)).raise_for_status()
    planted.made["completion here"] = answer.json()["choices"][0]["message"]["content"]
    http.post("/v1/completions", json={"model": "tiny", "prompt": planted["text prompt"], "max_tokens": 1})
    http.post("/v1/embeddings", json={"model": "tiny", "input": planted["input"]})
    http.get(CHAT, params={"q": planted["query of a GET"]})
    http.get("/v1/models", params={"q": planted["query of models"]}).raise_for_status()
    http.get(f"/v1/{NAMED}", params={"q": planted["query of nothing"]})


def refused(server: Server, http: httpx2.Client, planted: Planted) -> None:
    for content in (
        planted["no JSON"],
        f'{{"model": "tiny", "messages": {planted["half JSON"]}',
        json.dumps(planted["a string"]),
        json.dumps({**SHORT, planted["unknown field"]: 1}),
        json.dumps({**SHORT, "temperature": planted["wrong type"]}),
        json.dumps({**SHORT, "messages": [{"role": planted["role"], "content": "x"}]}),
        json.dumps({**SHORT, "messages": [{"role": "user", "content": [{"type": planted["part"]}]}]}),
        b"\xff\xfe" + planted["no UTF-8"].encode(),
    ):
        assert http.post(CHAT, content=content).status_code == 400
    wrong = {"authorization": f"Bearer {planted['wrong key']}", "x-forwarded-for": "203.0.113.9"}
    assert http.post(CHAT, json=body(planted), headers=wrong).status_code == 401
    assert http.post(CHAT, json=SHORT, headers={"host": f"{planted['host']}.example"}).status_code == 400
    assert http.post(CHAT, json=SHORT, headers={"origin": f"http://{planted['origin']}"}).status_code == 403


def of_a_provider(http: httpx2.Client, planted: Planted, afar: Provider) -> None:
    said = {"role": "assistant", "content": planted["completion afar"]}
    choice = {"index": 0, "message": said, "finish_reason": planted["finish reason"]}
    model = planted["model echo"]
    whole = {"id": planted["id"], "model": model, "system_fingerprint": planted["print"], "choices": [choice]}
    afar.body = [json.dumps(whole).encode()]
    assert planted["completion afar"] in http.post(CHAT, json=body(planted, model=NAMED)).text
    afar.body, afar.headers = None, {name: planted[f"its {name}"] for name in ("x-request-id", "server")}
    piece = {"model": model, **OpenAI().piece({"content": planted["streamed"]}, planted["streamed reason"])}
    afar.events = [piece, "[DONE]"]
    assert planted["streamed"] in http.post(CHAT, json=body(planted, model=NAMED, stream=True)).text
    error = {name: planted[f"error {name}"] for name in ("message", "type", "code", "param")}
    afar.events = [OpenAI().piece({"content": "x"}), {"error": error}]
    assert planted["error code"] in http.post(CHAT, json=body(planted, model=NAMED, stream=True)).text
    afar.headers = {
        "retry-after": planted["retry-after"],
        "location": f"https://{planted['location']}.example",
    }
    afar.body, afar.events = [json.dumps({"error": error}).encode()], None
    for afar.status in (400, 401, 422, 429, 500, 302):
        http.post(CHAT, json=body(planted, model=NAMED))
        assert http.post(CHAT, json=body(planted, model="with-fallback")).status_code in (200, 400, 422)
    afar.status, afar.body = 200, [b"{" + planted["garbled"].encode()]
    assert http.post(CHAT, json=body(planted, model=NAMED)).status_code == 502


def shown_while_it_runs(
    server: Server, ada: SignedIn, http: httpx2.Client, planted: Planted
) -> dict[str, str]:
    asked = {**LONG, **body(planted, model=NAMED, stream=True)}
    with http.stream("POST", CHAT, json=asked, params={"q": planted["query"]}) as answer, server.api() as api:
        lines = answer.iter_lines()  # kept: it leaves when it is forgotten
        next(lines)
        id = answer.headers["x-request-id"]
        with ada.http.stream("GET", "/settings/running/live/") as live:
            feed = next(line for line in live.iter_lines() if line.startswith("data: "))
        ways = {
            "feed": feed,
            "page": ada.get("/settings/").text,
            "list": api.get("/api/requests/running").text,
            "command": server.manage("running").stdout,
            "journal": "".join(map(text_of, server.home.glob("in_flight.*"))),
            "extend": api.post(f"/api/requests/{id}/extend", json={"seconds": 60}).text,
            "cancel": api.post(f"/api/requests/{id}/cancel").text,
        }
    assert [way for way, text in ways.items() if id not in text or not is_told(text)] == []
    return {**ways, "written ahead": text_of(server.home / "db.sqlite3-wal")}


def is_told(text: str) -> bool:
    told = Planted()
    told.made = {"the model's name": NAMED}
    return told.found_in(text) != []


def text_of(file: Path) -> str:
    """Without what was never written: a journal is mostly that."""
    return file.read_bytes().replace(b"\0", b"").decode(errors="replace")


def shown_later(server: Server, ada: SignedIn) -> dict[str, str]:
    until(lambda: server.rows("SELECT 1 FROM settings_app_requestlog WHERE status = 'cancelled'"))
    with server.api() as api:
        api.put("/api/settings/serving", json={"serve_metrics": True}).raise_for_status()
        rows = api.get("/api/requests", params={"limit": 500}).raise_for_status().json()["requests"]
        assert {row["status"] for row in rows} >= {"ok", "rejected", "error", "cancelled"}
        seen = {"rows": json.dumps(rows)}
        for form in ("csv", "json", "jsonl"):
            seen[form] = api.get(f"/api/requests/export?format={form}").text
        for path in ("/api/requests/figures", "/api/settings/history", "/metrics"):
            seen[path] = api.get(path).text
    for path in ("/", "/settings/", "/settings/logs/", "/history/", "/models/"):
        seen[path] = ada.get(path).text
    seen["each"] = "".join(ada.get(f"/settings/logs/request/{row['id']}/").text for row in rows)
    with ada.http.stream("GET", "/settings/logs/live/?after=0") as live:
        seen["live"] = "".join(itertools.takewhile(str.strip, live.iter_lines()))
    assert {where for where, text in seen.items() if is_told(text)} == TOLD
    return seen


def stored(server: Server) -> dict[str, str]:
    """All rows of all tables, and every file of the home, byte for byte; before and after what was written ahead."""
    seen = {
        "files": "".join(text_of(file) for file in server.home.rglob("*") if file.is_file()),
        "tables": "",
    }
    with closing(sqlite3.connect(server.home / "db.sqlite3", timeout=10)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            seen["tables"] += repr(database.execute(f'SELECT * FROM "{table}"').fetchall())
        assert database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    seen["database"] = "".join(text_of(file) for file in server.home.glob("db.sqlite3*"))
    assert [where for where, text in seen.items() if not is_told(text)] == []
    return seen


def test_what_was_cut_or_is_written_in_other_letters_is_found() -> None:
    planted_ = Planted()
    for said in (planted_["a"], planted_["b"][:PART], planted_["c"][-PART:], planted_["d"].upper()):
        assert len(planted_.found_in(f"x{said}x")) == 1
    assert planted_.found_in(planted_["a"][1:PART]) == []


def test_nothing_of_what_was_said_nor_a_key_is_kept_or_shown(server: Server) -> None:
    planted_ = Planted()
    planted_.made["API key"] = key = server.manage("create_api_key", "laptop").stdout.splitlines()[-1]
    with (
        planted(server) as afar,
        server.http(headers=headers(planted_, key)) as http,
        server.http() as pages,
    ):
        rule(server, afar, NAMED)
        causes = ["error", "overload", "timeout"]
        here = {"provider": None, "target_model": "tiny", "causes": causes}
        rule(server, afar, "with-fallback", fallbacks=[here])
        ada = SignedIn(server, pages)
        of_this_machine(server, http, planted_)
        refused(server, http, planted_)
        of_a_provider(http, planted_, afar)
        afar.forget()
        afar.endless = True
        seen = shown_while_it_runs(server, ada, http, planted_)
        seen |= shown_later(server, ada)
        seen |= stored(server)
        assert "500 provider_failed" in seen["tables"]  # it was looked at where a provider's words would be
        with (
            suppress(httpx2.HTTPError),
            http.stream("POST", CHAT, json=body(planted_, model=NAMED, stream=True)),
        ):
            server.stop(signal.SIGKILL)
    seen |= {f"{where} after a kill": text for where, text in stored(server).items()}
    seen["log"] = "\n".join(server.lines)
    assert is_told(seen["log"])
    assert {where: found for where, text in seen.items() if (found := planted_.found_in(text))} == {}
    assert len(planted_.made) > 40
