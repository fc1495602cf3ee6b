"""The section Request Timeouts as a form: one field per endpoint, made from its declaration."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from settings_app import timeouts
from settings_app.changes import Author
from settings_app.durations import number_text
from settings_app.endpoints import BY_KEY, ENDPOINTS, Endpoint
from settings_app.models.timeout import NOT_SECONDS
from settings_app.timeouts import TimeoutsInForce


class SecondsField(forms.FloatField):
    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        super().__init__(
            label=endpoint.label,
            help_text=endpoint.help,
            show_hidden_initial=True,  # only what this person changed is saved, not what another door did meanwhile
            error_messages={"required": NOT_SECONDS, "invalid": NOT_SECONDS},
            widget=forms.NumberInput(
                attrs={
                    "min": number_text(endpoint.min_seconds),
                    "max": number_text(endpoint.highest_seconds),
                    "step": "any",
                    "inputmode": "decimal",
                }
            ),
        )


class TimeoutsForm(forms.Form):
    apply_to_running = forms.BooleanField(
        label="Also apply to running requests",
        help_text="Those that this shortens end at their next step; those that it extends live on.",
        required=False,
    )

    def __init__(self, in_force: TimeoutsInForce, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={k: _typed(v) for k, v in in_force.by_field().items()})
        self._not_served = [BY_KEY[key].field for key in in_force.warnings]
        for endpoint in ENDPOINTS:
            self.fields[endpoint.field] = SecondsField(endpoint)
        self.order_fields([endpoint.field for endpoint in ENDPOINTS])

    @property
    def to_save(self) -> set[str]:
        return {*self.changed_data, *self._not_served} - {"apply_to_running"}

    @property
    def to_apply(self) -> set[str]:
        """The fields whose stored values running requests shall get: those that were changed, else all."""
        every = {endpoint.field for endpoint in ENDPOINTS}
        return (self.to_save or every) if self.cleaned_data["apply_to_running"] else set()

    def save(self, author: Author) -> TimeoutsInForce | None:
        """Stores what was changed, and what replaces a corrupt value. None, with errors at their fields, if refused."""
        if not self.is_valid():
            return None
        try:
            return timeouts.save({name: self.cleaned_data[name] for name in self.to_save}, author)
        except ValidationError as error:
            self.add_error(None, error)
            return None


def _typed(seconds: float) -> float | int:
    """900.0 as a person would type it: 900."""
    return int(seconds) if seconds == int(seconds) else seconds
