"""A rule and what becomes of a request that it matches, in the words of every place that shows them."""

from collections.abc import Sequence

from settings_app.durations import number_text
from settings_app.models import Rule

HERE = "on this machine"
KINDS = dict(Rule.Kind.choices)


def rule_text(kind: str, pattern: str) -> str:
    """Such as: begins with gpt-."""
    return f"{KINDS.get(kind, kind)} {pattern}"


def place_text(provider_name: str | None) -> str:
    """None is this machine."""
    return HERE if provider_name is None else f"at {provider_name}"


def causes_text(causes: Sequence[str], after_seconds: float | None) -> str:
    """When a fallback is asked."""
    within = "half of the time that is left" if after_seconds is None else f"{number_text(after_seconds)} s"
    said = {"error": "an error", "overload": "overload", "timeout": f"no answer within {within}"}
    *first, last = [said.get(cause, cause) for cause in causes] or ["nothing"]
    return f"after {', '.join(first)} or {last}" if first else f"after {last}"
