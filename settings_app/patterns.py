"""What a routing rule's pattern means: the whole name is compared, in time that grows with its length and no faster."""

from collections.abc import Callable
from typing import Any

import re2
from django.core.exceptions import ValidationError

Matches = Callable[[str], bool]
_MOST_BYTES = 8 * 2**20  # RE2's own bound for one expression


def matcher(kind: str, pattern: str) -> Matches:
    """Whether a name matches. `kind`: exact, prefix, glob (`*`, `?`, `[a-z]`, `[!a-z]`) or regex (RE2's syntax).

    Raises ValidationError for what RE2 refuses, such as backreferences and lookaround, with its reason.
    """
    if kind == "exact":
        return pattern.__eq__
    if kind == "prefix":
        return lambda name: name.startswith(pattern)
    try:
        compiled = re2.compile(expression(kind, pattern), options())
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ValidationError(
            f"The pattern cannot be used: {reason}. Backreferences and lookaround are not known here.",
            code="invalid",
        ) from None
    return lambda name: compiled.fullmatch(name) is not None


def expression(kind: str, pattern: str) -> str:
    """The regular expression, in RE2's syntax, that matches the same names."""
    if kind == "regex":
        return pattern
    if kind == "glob":
        return _from_glob(pattern)
    return str(re2.escape(pattern)) + (".*" if kind == "prefix" else "")


def options(most_bytes: int = _MOST_BYTES) -> Any:
    found = re2.Options()
    found.log_errors = False
    found.dot_nl = True  # a dot is any character
    found.never_capture = True  # whether it matches is all that is asked
    found.max_mem = most_bytes
    return found


def _from_glob(pattern: str) -> str:
    parts = []
    at = 0
    while at < len(pattern):
        end = pattern.find("]", at + 2) if pattern[at] == "[" else -1
        if pattern[at] == "*":
            parts.append(".*")
        elif pattern[at] == "?":
            parts.append(".")
        elif end > 0:
            parts.append(_set(pattern[at + 1 : end]))
            at = end
        else:
            parts.append(re2.escape(pattern[at]))
        at += 1
    return "".join(parts)


def _set(inside: str) -> str:
    negated = inside.startswith("!")
    members = inside[1:] if negated else inside
    escaped = members.replace("\\", "\\\\").replace("^", "\\^").replace("[", "\\[").replace("]", "\\]")
    return f"[{'^' if negated else ''}{escaped}]"
