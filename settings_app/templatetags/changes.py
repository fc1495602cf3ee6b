from django import template

from settings_app.durations import seconds_text

register = template.Library()


@register.filter
def value_text(value: object, field: str) -> str:
    """A value from the history in the words of the page it was changed on."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float) and field == "seconds":
        return seconds_text(value)
    return str(value)
