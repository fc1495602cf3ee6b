"""What a routing rule's pattern means: the whole name is compared, in time that grows with its length and no faster."""

from collections.abc import Callable
from functools import lru_cache

import re2
from django.core.exceptions import ValidationError

Matches = Callable[[str], bool]

_QUIET = re2.Options()
_QUIET.log_errors = False
_QUIET.dot_nl = True  # a dot is any character


@lru_cache(maxsize=4096)
def matcher(kind: str, pattern: str) -> Matches:
    """Whether a name matches. `kind`: exact, prefix, glob (`*`, `?`, `[a-z]`, `[!a-z]`) or regex (RE2's syntax).

    Raises ValidationError for what RE2 refuses, such as backreferences and lookaround, with its reason.
    """
    if kind == "exact":
        return pattern.__eq__
    if kind == "prefix":
        return lambda name: name.startswith(pattern)
    expression = _from_glob(pattern) if kind == "glob" else pattern
    try:
        compiled = re2.compile(expression, _QUIET)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ValidationError(
            f"The pattern cannot be used: {reason}. Backreferences and lookaround are not known here.",
            code="invalid",
        ) from None
    return lambda name: compiled.fullmatch(name) is not None


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
