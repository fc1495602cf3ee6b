"""Providers and rules as the tests of /v1 have them made, through the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.provider import KEY, Provider, provider
from tests.server import Server


@contextmanager
def planted(server: Server, protocol: str = "openai") -> Iterator[Provider]:
    """A provider that the server knows as Afar, as long as the block runs; all others and all rules go with it."""
    with provider(protocol) as told:
        told.id = plant(server, told.url, protocol)
        try:
            yield told
        finally:
            server.rows("DELETE FROM settings_app_rule")
            server.rows("DELETE FROM settings_app_provider")


def plant(server: Server, url: str, protocol: str = "openai", *, name: str = "Afar") -> int:
    """The id of a new provider."""
    wanted = {"name": name, "protocol": protocol, "base_url": url, "api_key": KEY, "allow_private": True}
    with server.api() as api:
        made = api.post("/api/settings/providers", json=wanted)
    assert made.status_code == 201, made.text
    return int(made.json()["id"])


def change(server: Server, provider: Provider, **values: Any) -> None:
    with server.api() as api:
        changed = api.patch(f"/api/settings/providers/{provider.id}", json=values)
    assert changed.status_code == 200, changed.text


def rule(
    server: Server,
    provider: Provider | int,
    pattern: str,
    *,
    target_model: str = "",
    fallbacks: list[dict[str, Any]] | None = None,
) -> None:
    """Sends a name to a provider, in front of the other rules."""
    wanted = {
        "pattern": pattern,
        "provider": provider if isinstance(provider, int) else provider.id,
        "target_model": target_model,
        "fallbacks": fallbacks or [],
    }
    with server.api() as api:
        made = api.post("/api/settings/rules", json=wanted)
    assert made.status_code < 300, made.text
