"""What the log is filtered by, as page and API take it."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from settings_app.endpoints import ENDPOINTS
from settings_app.logs.days import EARLIEST, LATEST
from settings_app.logs.filters import NO_KEY, Filters
from settings_app.models import RequestLog

RANGES = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(days=1)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
CUSTOM = "custom"
NOT_A_TIME = "Enter a date and time, like 2026-01-31T15:00 (UTC)."
TURNED = "This is before the time it begins at. Enter a later one."


def _time(label: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        error_messages={"invalid": NOT_A_TIME},
        widget=forms.DateTimeInput({"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
    )


class LogFilterForm(forms.Form):
    """`since` and `until` count only where the range is custom; without a range they make it so."""

    range = forms.ChoiceField(
        label="Time",
        required=False,
        choices=[
            ("", "All that is kept"),
            *((key, words) for key, (words, _) in RANGES.items()),
            (CUSTOM, "From … to …"),
        ],
    )
    since = _time("From (UTC)")
    until = _time("Until (UTC)")
    status = forms.ChoiceField(
        label="Status", required=False, choices=[("", "Any"), *RequestLog.Status.choices]
    )
    model = forms.CharField(label="Model", required=False, max_length=200)
    backend = forms.CharField(label="Backend", required=False, max_length=80)
    endpoint = forms.ChoiceField(
        label="Endpoint",
        required=False,
        choices=[("", "Any"), *(named for endpoint in ENDPOINTS for named in endpoint.paths.items())],
    )
    api_key = forms.CharField(label="API key", required=False, max_length=80)
    text = forms.CharField(label="In the id", required=False, max_length=40)

    def offer(self, backends: list[str], api_keys: list[str]) -> None:
        """Lists to choose from, where a page shows the form."""
        self._choose("backend", [(name, name) for name in backends])
        self._choose("api_key", [(NO_KEY, "None"), *((name, name) for name in api_keys)])

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        chosen = str(self[name].value() or "")
        known = {value for value, _ in choices}
        more = [] if not chosen or chosen in known else [(chosen, chosen)]
        self.fields[name].widget = forms.Select(choices=[("", "Any"), *choices, *more])

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or {})
        since, until = values.get("since"), values.get("until")
        if values.get("range") in ("", CUSTOM) and since and until and until <= since:
            raise ValidationError({"until": TURNED})
        for name, moment in (("since", since), ("until", until)):
            if moment:  # at the edge of the calendar its zone would lead out of it
                values[name] = min(max(moment, EARLIEST), LATEST)
        return values

    def filters(self) -> Filters:
        """What was asked for; needs a valid form."""
        values = dict(self.cleaned_data)
        chosen = values.pop("range")
        if chosen in RANGES:
            values |= {"since": timezone.now() - RANGES[chosen][1], "until": None}
        return Filters(**values)
