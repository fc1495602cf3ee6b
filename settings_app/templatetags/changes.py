from django import template

from settings_app.durations import seconds_text

register = template.Library()

NOTHING = "\N{EN DASH}"


@register.filter
def value_text(value: object, field: str) -> str:
    """A value from the history in the words of the page it was changed on."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float) and field == "seconds":
        return seconds_text(value)
    return str(value)


@register.filter
def field_text(field: str) -> str:
    return field.replace("_", " ")
