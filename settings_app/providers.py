"""The cloud providers: made, changed, deleted, tested. Their keys are sealed on the way in; no door gives them out."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone

from settings_app import changes, sealing, snapshot
from settings_app.changes import Author
from settings_app.models import Provider, Rule
from settings_app.sealing import Keys, Unsealable

log = logging.getLogger(__name__)

SECRET = ("sealed_key",)
# What `known` is made of, and what a test of the connection says something about.
COLUMNS = ("id", "name", "protocol", "base_url", "sealed_key", "allow_private", "enabled")
TESTED = ("protocol", "base_url", "sealed_key", "allow_private")
SHOWN_FROM = 20  # characters: of a shorter key the last four would give too much away
ALL = "Cloud providers"
NO_KEY = "has no API key"
UNREADABLE = "has an API key that cannot be decrypted: enter it again"


@dataclass(frozen=True)
class Rotated:
    """`unreadable`: the names of those whose keys the file could not open before either."""

    resealed: int
    unreadable: tuple[str, ...]


def create(values: Mapping[str, Any], author: Author) -> Provider:
    """`values` by their names on the wire, `api_key` among them. Raises ValidationError with messages per field."""
    return save(_with(Provider(), values), author)


def change(id: int, values: Mapping[str, Any], author: Author) -> Provider:
    """Stores `values`, all or none; what they leave out stays. An `api_key` of "" removes it.

    Raises Http404, and ValidationError with messages per field.
    """
    with transaction.atomic():
        stored = get_object_or_404(Provider.objects.select_for_update(), pk=id)
        return save(_with(stored, values), author)


def save(provider: Provider, author: Author) -> Provider:
    """Validates, seals `entered_key`, stores and records. Raises ValidationError; then nothing is stored."""
    # It holds the database's write lock: no rotation comes between sealing and storing.
    with transaction.atomic():
        provider.full_clean()
        if provider.entered_key is not None:
            _take_key(provider, provider.entered_key)
        _forget_test(provider)
        changes.save(provider, author, secret_fields=SECRET)
    provider.entered_key = None
    return provider


def delete(provider: Provider, author: Author) -> None:
    """Rules that name it stay, are marked and passed over."""
    changes.delete(provider, author, secret_fields=SECRET)


def named_by(id: int) -> list[Rule]:
    """The rules that send something there, also as a fallback."""
    return [
        rule
        for rule in Rule.objects.all()
        if rule.provider_id == id or any(entry.get("provider") == id for entry in rule.fallbacks)
    ]


def known(
    id: int,
    name: str,
    protocol: str,
    base_url: str,
    sealed_key: str,
    allow_private: bool,
    enabled: bool,
    earlier: Keys = (),
) -> snapshot.Provider:
    """A row of COLUMNS as those know it who send requests there. `earlier`: the keys before the row was read."""
    api_key, problem = opened(sealed_key, earlier)
    problem = problem if enabled else "is switched off"
    return snapshot.Provider(id, name, protocol, base_url, api_key, allow_private, problem)


def opened(sealed_key: str, earlier: Keys = ()) -> tuple[str, str]:
    """A provider's key, and what is wrong with it, in words that follow its name."""
    if not sealed_key:
        return "", NO_KEY
    try:
        return sealing.unseal(sealed_key, earlier), ""
    except Unsealable:
        return "", UNREADABLE


def record_test(tested: Provider, *, passed: bool, said: str, seconds: float | None) -> bool:
    """Stores what a test of the connection found. False, and nothing is stored, if it was changed in the meantime."""
    same = Provider.objects.filter(pk=tested.pk, **{name: getattr(tested, name) for name in TESTED})
    return bool(
        same.update(
            tested_at=timezone.now(),
            test_passed=passed,
            test_said=said[:300],
            test_ms=None if seconds is None else round(seconds * 1000, 1),
        )
    )


def rotate_keys(author: Author) -> Rotated:
    """Seals every key anew, with a new key of the file; then the old ones are dropped. Raises Unsealable.

    A crash at any moment leaves a file that opens what is stored: the old keys go when the new rows are on the disk.
    """
    with sealing.rotation():
        _sync_commits()
        # It begins with the database's write lock: nobody seals with an old key meanwhile.
        with transaction.atomic():
            rotated = _reseal()
            if rotated.resealed:
                changes.record(
                    author, table="provider", label=ALL, field="sealing_keys", old=None, new="rotated"
                )
        if rotated.resealed:
            sealing.drop_old_keys()
    return rotated


def _with(provider: Provider, values: Mapping[str, Any]) -> Provider:
    for name, value in values.items():
        setattr(provider, "entered_key" if name == "api_key" else name, value)
    return provider


def _take_key(provider: Provider, key: str) -> None:
    if key and provider.sealed_key and not sealing.exists():
        log.warning("%s was missing and is made anew: other keys have to be entered again", sealing.path())
    try:
        provider.sealed_key = sealing.seal(key) if key else ""
    except Unsealable as error:
        raise ValidationError({"api_key": str(error)}) from None
    provider.key_last4 = key[-4:] if len(key) >= SHOWN_FROM else ""


def _forget_test(provider: Provider) -> None:
    stored = Provider.objects.filter(pk=provider.pk).first()
    if stored is None or any(getattr(stored, name) != getattr(provider, name) for name in TESTED):
        provider.tested_at = provider.test_passed = provider.test_ms = None
        provider.test_said = ""


def _sync_commits() -> None:
    """A commit of this connection is on the disk when it returns; NORMAL leaves that to a later checkpoint."""
    if not connection.in_atomic_block:  # SQLite refuses it there, and it would be too late
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")


def _reseal() -> Rotated:
    sealed = list(Provider.objects.exclude(sealed_key=""))
    unreadable = [provider.name for provider in sealed if opened(provider.sealed_key)[1]]
    if sealed and len(unreadable) == len(sealed):
        raise Unsealable(
            sealing.problem()
            or f"No stored key can be opened with {sealing.path()}. Restore that file, or enter the keys again."
        )
    if not sealed:
        return Rotated(0, ())
    sealing.add_key()
    for provider in sealed:
        if provider.name not in unreadable:
            Provider.objects.filter(pk=provider.pk).update(sealed_key=sealing.reseal(provider.sealed_key))
    return Rotated(len(sealed) - len(unreadable), tuple(unreadable))
