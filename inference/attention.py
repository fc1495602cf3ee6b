"""What the operator should know of: what fails, is passed over, or runs out."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.urls import reverse

from inference.place_state import PlaceState
from inference.request_log import request_log
from settings_app import last_hour, marks, pool_settings, stored, timeouts
from settings_app.models import Provider
from settings_app.sizes import GB, size_text

FULL_SHARE, PLENTY_BYTES, FEW_BYTES = 0.05, 20 * GB, 1 * GB


@dataclass(frozen=True)
class Item:
    """One sentence or two, and where to do something about it."""

    text: str
    where: str


def items(states: Sequence[PlaceState]) -> list[Item]:
    """`states`: of the pool."""
    section = reverse("settings")
    return [
        *(Item(text, f"{section}#providers") for text in _providers()),
        *(Item(text, f"{section}#rules") for text in _rules()),
        *(Item(text, f"{section}#pool") for text in _models(states)),
        *(Item(text, f"{section}#timeouts") for text in timeouts.in_force().warnings.values()),
        *(Item(text, f"{section}#logs") for text in (*_retries(), *_dropped())),
        *(Item(text, reverse("models")) for text in disk(settings.HOME)),
    ]


def disk(folder: Path) -> list[str]:
    """Says so if there is less than 5 % and 20 GB free, or less than 1 GB."""
    total, _, free = shutil.disk_usage(folder)
    if free >= FEW_BYTES and free >= min(total * FULL_SHARE, PLENTY_BYTES):
        return []
    return [
        f"The disk of {folder} is nearly full: {size_text(free)} of {size_text(total)} are free. "
        "Remove models that nobody needs, or let the log forget sooner."
    ]


def _providers() -> Iterator[str]:
    enabled = list(Provider.objects.filter(enabled=True))
    for provider in enabled:
        if provider.test_passed is False:
            yield f"Provider {provider.name}: the last test of the connection failed. {provider.test_said}"
    failing = last_hour.failures_in_a_row([provider.name for provider in enabled])
    for name, (count, error) in sorted(failing.items()):
        requests = "request" if count == 1 else f"{count} requests"
        yield f"Provider {name}: the last {requests} failed, with {error or 'an error'}."


def _rules() -> Iterator[str]:
    found = marks.now()
    for rule in stored.latest().rules:
        mark = found.get(rule.id)
        if mark is not None and mark.problem:
            yield f"Rule {rule.position} ({rule.pattern}) is passed over: {mark.problem}."


def _models(states: Sequence[PlaceState]) -> Iterator[str]:
    held = sum(state.reserved_bytes for state in states if state.state != "stopping")
    limit = pool_settings.limit_bytes(pool_settings.current())
    if held > limit:
        yield (
            f"Models hold {size_text(held)}, {size_text(held - limit)} more than they may, and none that could be "
            "unloaded is idle."
        )
    for state in states:
        if state.error:
            yield f"Model {state.name} could not be loaded. {state.error}"


def _retries() -> Iterator[str]:
    for client in last_hour.retrying():
        who = f"A client with the key {client.api_key}" if client.api_key else "A client without a key"
        retries = "1 retry" if client.requests == 1 else f"{client.requests} retries"
        yield (
            f"{who} keeps sending the same request for {client.model or 'a model'}: {retries} in the "
            f"last {last_hour.RETRY_MINUTES} minutes, up to {client.most} of one request."
        )


def _dropped() -> Iterator[str]:
    if request_log.dropped:
        yield (
            f"The log is missing {request_log.dropped} requests since the server's start: more came than could "
            "be written."
        )
