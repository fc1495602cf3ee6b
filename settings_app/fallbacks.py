"""The fallbacks of a routing rule as they are stored: what such a list may hold, in the words of every door."""

import math
from typing import Any

from django.core.exceptions import ValidationError

from settings_app.models.provider import Provider

CAUSES = ("error", "overload", "timeout")
FIELDS = ("provider", "target_model", "causes", "after_seconds")
MOST = 8
LONGEST_SECONDS = 7200


def clean(value: object, *, local_only: bool) -> list[dict[str, Any]]:
    """The list with every field of every entry. Raises ValidationError, which numbers the entry and names the field."""
    if not isinstance(value, list):
        raise ValidationError("Give a list of fallbacks, or an empty one.")
    if len(value) > MOST:
        raise ValidationError(f"Give at most {MOST} fallbacks.")
    return [_entry(f"Fallback {number}", entry, local_only) for number, entry in enumerate(value, 1)]


def _entry(which: str, entry: object, local_only: bool) -> dict[str, Any]:
    if not isinstance(entry, dict) or not set(entry) <= set(FIELDS):
        raise ValidationError(f"{which}: give an object with {', '.join(FIELDS)}, and nothing else.")
    return {
        "provider": _provider(which, entry.get("provider"), local_only),
        "target_model": _target_model(which, entry.get("target_model", "")),
        "causes": _causes(which, entry.get("causes")),
        "after_seconds": _after_seconds(which, entry.get("after_seconds")),
    }


def _provider(which: str, value: object, local_only: bool) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not Provider.objects.filter(pk=value).exists():
        raise ValidationError(f"{which}: there is no provider {value!r}. null is this machine.")
    if local_only:
        raise ValidationError(f"{which} is a provider, and this rule never leaves this machine.")
    return value


def _target_model(which: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ValidationError(f"{which}: target_model is a name of at most 200 characters; empty: the same.")
    return value


def _causes(which: str, value: object) -> list[str]:
    if not isinstance(value, list) or not value or not all(cause in CAUSES for cause in value):
        raise ValidationError(f"{which}: causes is a list of one or more of {', '.join(CAUSES)}.")
    return [cause for cause in CAUSES if cause in value]


def _after_seconds(which: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationError(f"{which}: after_seconds is a number of seconds, or null.")
    if not (math.isfinite(value) and 0 < value <= LONGEST_SECONDS):
        raise ValidationError(f"{which}: after_seconds is above 0 and at most {LONGEST_SECONDS}.")
    return float(value)
