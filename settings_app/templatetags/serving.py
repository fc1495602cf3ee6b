from django import template

from settings_app import serving
from settings_app.forms.serving import ServingForm

register = template.Library()


@register.simple_tag
def serving_form() -> ServingForm:
    """The stored values as a form, for a page that has no answer to show in it."""
    return ServingForm(instance=serving.current())
