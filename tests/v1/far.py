"""A provider that was made through the API, and what is kept of its key."""

from dataclasses import dataclass
from typing import Any

import httpx2

from tests.provider import Provider
from tests.server import Server
from tests.v1.asking import SHORT, ask

KEY = "sk-entered-0123456789abcdef"
URL = "/api/settings/providers"


@dataclass
class Far:
    """A provider that was made through the API, and the rule that sends `gpt-9` there."""

    server: Server
    api: httpx2.Client
    told: Provider
    id: int

    def patch(self, **values: Any) -> httpx2.Response:
        return self.api.patch(f"{URL}/{self.id}", json=values)

    def ask(self, **body: Any) -> httpx2.Response:
        return ask(self.server, **{**SHORT, "model": "gpt-9", **body})

    def key_sent(self) -> str:
        """The key with which a request arrives there now."""
        answer = self.ask()
        assert answer.status_code == 200, answer.text
        return str(self.told.asked[-1]["authorization"]).removeprefix("Bearer ")


def made(api: httpx2.Client, **values: Any) -> int:
    answer = api.post(URL, json={"allow_private": True, **values})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def sealing_keys(server: Server) -> list[str]:
    return (server.home / "sealing_keys").read_text().split()


def sealed_keys(server: Server) -> dict[int, str]:
    return {row["id"]: row["sealed_key"] for row in server.rows("SELECT * FROM settings_app_provider")}
