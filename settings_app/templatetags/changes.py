from django import template

from settings_app import history
from settings_app.models import Change

register = template.Library()
register.filter("value_text", history.value_text)
register.filter("is_secret", history.is_secret)


@register.filter
def field_label(change: Change) -> str:
    return history.field_label(change)
