from django import forms

from settings_app.forms.words import one_message
from settings_app.models import Retention
from settings_app.models.retention import MOST_DAYS

DAYS = f"Enter a whole number of days, up to {MOST_DAYS}; 0 keeps them for ever."


class RetentionForm(forms.ModelForm[Retention]):
    """All doors validate with it, so that they refuse the same values with the same words."""

    class Meta:
        model = Retention
        fields = ("retention_days",)
        error_messages = {"retention_days": one_message(DAYS)}
