import json
from collections.abc import Mapping

from django import template

from settings_app import figures
from settings_app.endpoints import Endpoint
from settings_app.figures import Figures
from settings_app.templatetags.durations import number

register = template.Library()


@register.filter
def of(by_key: Mapping[str, Figures], endpoint: Endpoint) -> Figures:
    return by_key[endpoint.key]


@register.filter
def cut_text(figure: Figures, typed: object) -> str:
    """What the value in the form would have done; nothing if it is none that could be saved."""
    seconds = number(typed)
    if seconds is None or not figure.endpoint.accepts(seconds):
        return ""
    return figures.cut_text(figure.would_cut(seconds))


@register.filter
def steps_json(figure: Figures) -> str:
    """What figures.js computes the same from."""
    steps = {phase: [[at, count] for at, count in found] for phase, found in figure.steps.items()}
    return json.dumps(steps, separators=(",", ":"))
