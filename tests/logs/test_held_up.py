"""Another process holds the database, so that the log cannot be written for a while."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.server import serving
from tests.v1.asking import CHAT, SHORT
from tests.v1.signed_in import SignedIn


def test_a_log_that_waits_to_be_written_holds_up_nobody(tmp_path: Path) -> None:
    nobody = {**SHORT, "model": "nobody"}
    with serving(tmp_path) as server, server.http() as http:
        ada = SignedIn(server, http)
        page = {"x-csrftoken": http.cookies["mlx_manager_csrf"], "referer": str(http.base_url)}
        with closing(sqlite3.connect(tmp_path / "db.sqlite3", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            ada.http.post(CHAT, json=nobody, headers=page)
            time.sleep(0.5)  # its row waits for the database now
            began = time.monotonic()
            answer = ada.http.post(CHAT, json=nobody, headers=page)
            took = time.monotonic() - began
            database.execute("ROLLBACK")
        assert answer.json()["error"]["code"] == "model_not_found"
        assert took < 5, "the database is waited for 10 s"
        assert server.logged(answer.headers["x-request-id"])["api_key"] == "page: ada"
