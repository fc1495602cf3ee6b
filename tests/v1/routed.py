"""Providers and rules as the tests of /v1 plant them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cryptography.fernet import Fernet

from tests.provider import KEY, Provider, provider
from tests.server import Server

NUMBER = 7


@contextmanager
def planted(server: Server, protocol: str = "openai") -> Iterator[Provider]:
    """A provider that the server knows under number 7, as long as the block runs; rules go with it."""
    with provider(protocol) as told:
        plant(server, told.url, protocol)
        try:
            yield told
        finally:
            server.rows("DELETE FROM settings_app_rule")
            server.rows("DELETE FROM settings_app_provider")


def plant(
    server: Server, url: str, protocol: str = "openai", *, id: int = NUMBER, allow_private: bool = True
) -> None:
    server.rows(
        "INSERT INTO settings_app_provider (id, name, protocol, base_url, sealed_key, key_last4, allow_private,"
        " enabled, test_said) VALUES (?, ?, ?, ?, ?, 'cdef', ?, 1, '')",
        id,
        "Afar" if id == NUMBER else f"Afar {id}",
        protocol,
        url,
        Fernet(_sealing_key(server)).encrypt(KEY.encode()).decode(),
        allow_private,
    )


def rule(
    server: Server,
    pattern: str,
    *,
    kind: str = "exact",
    provider: int | None = NUMBER,
    target_model: str = "",
    fallbacks: list[dict[str, Any]] | None = None,
) -> None:
    server.rows(
        "INSERT INTO settings_app_rule (position, pattern, kind, provider_id, target_model, fallbacks, local_only,"
        " enabled) VALUES (1, ?, ?, ?, ?, ?, 0, 1)",
        pattern,
        kind,
        provider,
        target_model,
        json.dumps(fallbacks or []),
    )


def _sealing_key(server: Server) -> str:
    path = server.home / "sealing_keys"
    if not path.exists():
        path.touch(0o600)
        path.write_bytes(Fernet.generate_key())
    return path.read_text().split()[0]
