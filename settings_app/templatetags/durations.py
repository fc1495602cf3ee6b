import math

from django import template

from settings_app import durations

register = template.Library()

# The official clients give up after this long without a byte, and an answer that is not streamed sends none.
CLIENT_SILENCE_SECONDS = 600


@register.filter
def seconds_text(value: object) -> str:
    """A number, or what was typed into a form, in human words; nothing if it is no number."""
    seconds = number(value)
    return "" if seconds is None else durations.seconds_text(seconds)


@register.filter
def outlasts_clients(value: object) -> bool:
    seconds = number(value)
    return seconds is not None and seconds > CLIENT_SILENCE_SECONDS


def number(value: object) -> float | None:
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None
