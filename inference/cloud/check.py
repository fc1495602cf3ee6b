"""A test of the connection to a provider, made by the client that its traffic takes."""

import asyncio
import time
from dataclasses import dataclass

import httpx2

from inference.cloud import answer, clients, connection, protocols, refusal
from inference.errors import ProviderFailed
from settings_app.snapshot import Provider

CHECK_SECONDS = 10.0
LISTED = "/models"

_ABSENT = (404, 405)
_UNFIT = (400, 422)


@dataclass(frozen=True)
class Checked:
    """`said`: one line for whoever runs the server, without the key. `seconds`: what the test took."""

    passed: bool
    said: str
    seconds: float


async def check(provider: Provider) -> Checked:
    """Asks for the list of models; where there is none, sends a request that is empty and must be refused as such.

    No model works for it, and its connection is its own, so that to connect is tested too. Raises nothing.
    """
    start = time.monotonic()
    try:
        async with asyncio.timeout(CHECK_SECONDS), clients.make(provider) as client:
            passed, said = await _asked(client, provider)
    except TimeoutError:
        passed, said = False, f"It did not answer within {CHECK_SECONDS:g} s."
    except ProviderFailed as failed:
        passed, said = False, _reason(failed)
    seconds = time.monotonic() - start
    return Checked(passed, f"Reached in {seconds * 1000:.0f} ms. {said}" if passed else said, seconds)


async def _asked(client: httpx2.AsyncClient, provider: Provider) -> tuple[bool, str]:
    """Whether it passed, and what is to be said of it. Raises ProviderFailed."""
    headers = protocols.of(provider).headers(provider)
    try:
        async with connection.send(client, provider, "GET", LISTED, headers) as response:
            return _listed(await answer.whole(provider, response))
    except ProviderFailed as failed:
        if failed.provider_status not in _ABSENT:
            raise
    path = protocols.of(provider).chat_path
    try:
        async with connection.send(client, provider, "POST", path, headers, b"{}"):
            return False, "It took an empty request, which no such server should. Is the base URL right?"
    except ProviderFailed as failed:
        if failed.provider_status in _UNFIT:
            return True, "It keeps no list of models; it refused an empty request, and not the key."
        if failed.provider_status not in _ABSENT:
            raise
    return False, f"It has neither {LISTED} nor {path} below this base URL, which goes up to the version."


def _listed(found: object) -> tuple[bool, str]:
    """Most keep the list in `data`, null where it is empty; some answer with the list itself."""
    models = found.get("data", ...) if isinstance(found, dict) else found
    if isinstance(models, list):
        return True, f"It listed {len(models)} models and did not refuse the key."
    if models is None:
        return True, "It listed no models and did not refuse the key."
    return False, "What it answered is no list of models. Is the base URL right?"


def _reason(failed: ProviderFailed) -> str:
    status = failed.provider_status
    if status in refusal.OPERATORS:
        return f"It {refusal.OPERATORS[status]} ({status})."
    return failed.message
