from typing import Any

from django import forms

from settings_app.forms.words import one_message
from settings_app.models import Serving

GRACE = "Enter 0.5 to 600 seconds."
QUEUE = "Enter a whole number from 1 to 10000."


class ServingForm(forms.ModelForm[Serving]):
    """All doors validate with it, so that they refuse the same values with the same words."""

    class Meta:
        model = Serving
        fields = ("keep_alive", "honour_client_timeout", "stuck_grace_seconds", "max_queued", "serve_metrics")
        error_messages = {"stuck_grace_seconds": one_message(GRACE), "max_queued": one_message(QUEUE)}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        grace = self.initial.get("stuck_grace_seconds")
        if grace is not None and grace == int(grace):
            self.initial["stuck_grace_seconds"] = int(grace)  # 30.0 as a person would type it
