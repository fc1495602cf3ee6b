from django import template

from settings_app import sizes

register = template.Library()


@register.filter
def size_text(size_bytes: float | None) -> str:
    """Nothing if it is not known."""
    return "" if size_bytes is None else sizes.size_text(size_bytes)
