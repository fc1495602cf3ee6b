"""The fallbacks of a routing rule as they are stored: what such a list may hold, in the words of every door."""

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError

from settings_app.models.provider import Provider

CAUSES = ("error", "overload", "timeout")
FIELDS = ("provider", "target_model", "causes", "after_seconds")
MOST = 8
LONGEST_SECONDS = 7200
NOT_SECONDS = f"give a number of seconds above 0 and at most {LONGEST_SECONDS}, or none."


class FallbackError(ValidationError):
    """What is wrong with one field of one fallback. `number`: from 1. `field` "": with all of it."""

    def __init__(self, number: int, field: str, said: str) -> None:
        super().__init__(f"Fallback {number}{f', {field}' if field else ''}: {said}")
        self.number = number
        self.field = field
        self.said = said


def clean(value: object, *, local_only: bool, kept: Collection[int] = ()) -> list[dict[str, Any]]:
    """The list with every field of every entry. Raises ValidationError with all that is wrong, as FallbackErrors.

    `kept`: providers that the stored list names; they may be gone by now, and are marked then.
    """
    if not isinstance(value, list):
        raise ValidationError("Give a list of fallbacks, or an empty one.")
    if len(value) > MOST:
        raise ValidationError(f"Give at most {MOST} fallbacks.")
    errors: list[FallbackError] = []
    known = {*kept, *Provider.objects.values_list("pk", flat=True)}
    found = [_Entry(number, entry, errors, known, local_only) for number, entry in enumerate(value, 1)]
    cleaned = [entry.clean() for entry in found]
    if errors:
        raise ValidationError(list(errors))
    return cleaned


def providers(stored: object) -> list[int]:
    """Those that a stored list names, whatever else stands in it."""
    entries = [entry for entry in stored if isinstance(entry, dict)] if isinstance(stored, list) else []
    return [entry["provider"] for entry in entries if type(entry.get("provider")) is int]


class _Entry:
    """One fallback, and where what is wrong with it is said."""

    def __init__(
        self,
        number: int,
        entry: object,
        errors: list[FallbackError],
        known: Collection[int],
        local_only: bool,
    ) -> None:
        self._number = number
        self._entry = entry
        self._errors = errors
        self._known = known
        self._local_only = local_only

    def clean(self) -> dict[str, Any]:
        """Every field; those that are wrong are of no account, for an error says so."""
        entry = self._entry
        if not isinstance(entry, dict) or not set(entry) <= set(FIELDS):
            self._wrong("", f"give an object with {', '.join(FIELDS)}, and nothing else.")
            return {}
        return {
            "provider": self._provider(entry.get("provider")),
            "target_model": self._target_model(entry.get("target_model", "")),
            "causes": self._causes(entry.get("causes")),
            "after_seconds": self._after_seconds(entry.get("after_seconds")),
        }

    def _provider(self, value: object) -> int | None:
        if value is None:
            return None
        if type(value) is not int or value not in self._known:
            self._wrong("provider", "there is no such provider. Choose another, or this machine.")
            return None
        if self._local_only:
            self._wrong("provider", "this rule never leaves this machine, so it can name none.")
        return value

    def _target_model(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > 200:
            self._wrong(
                "target_model",
                "give a name of at most 200 characters, or none for the one that was asked for.",
            )
            return ""
        return value

    def _causes(self, value: object) -> list[str]:
        if not isinstance(value, list) or not value or not all(cause in CAUSES for cause in value):
            self._wrong("causes", f"name one or more of {', '.join(CAUSES)}.")
            return []
        return [cause for cause in CAUSES if cause in value]

    def _after_seconds(self, value: object) -> float | None:
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST_SECONDS:
            return float(value)
        self._wrong("after_seconds", NOT_SECONDS)  # a NaN is in no bounds
        return None

    def _wrong(self, field: str, said: str) -> None:
        self._errors.append(FallbackError(self._number, field, said))
