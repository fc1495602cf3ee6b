"""The stored deadlines: what is in force, and the one way to change it."""

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.core.exceptions import ValidationError
from django.db import transaction

from settings_app import changes, orders
from settings_app.changes import Author
from settings_app.durations import number_text, seconds_text
from settings_app.endpoints import ENDPOINTS, Endpoint
from settings_app.models import RunningOrder, Timeout
from settings_app.models.timeout import NOT_SECONDS

log = logging.getLogger(__name__)

LEAST_EXTENSION_SECONDS, MOST_EXTENSION_SECONDS = 1, 7200


@dataclass(frozen=True)
class TimeoutsInForce:
    """Seconds by endpoint key, and a sentence for each key whose stored value could not be served."""

    seconds: Mapping[str, float]
    warnings: Mapping[str, str]

    def by_field(self) -> dict[str, float]:
        return {endpoint.field: self.seconds[endpoint.key] for endpoint in ENDPOINTS}


def in_force() -> TimeoutsInForce:
    """What the next request gets. A missing or corrupt row is replaced by the default, and said."""
    stored = dict(Timeout.objects.values_list("endpoint", "seconds"))
    seconds: dict[str, float] = {}
    warnings: dict[str, str] = {}
    for endpoint in ENDPOINTS:
        value = stored.get(endpoint.key)
        if isinstance(value, int | float) and endpoint.accepts(value):
            seconds[endpoint.key] = float(value)
        else:
            seconds[endpoint.key] = endpoint.default_seconds
            warnings[endpoint.key] = _not_served(endpoint, value)
            log.warning(warnings[endpoint.key])
    return TimeoutsInForce(MappingProxyType(seconds), MappingProxyType(warnings))


def clean_seconds(value: object) -> float:
    """A number of seconds as a JSON body or form gave it. Raises ValidationError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValidationError(NOT_SECONDS)
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise ValidationError(NOT_SECONDS)
    return seconds


def clean_extension(value: object) -> float:
    """Seconds that one running request is given on top. Raises ValidationError for what is none, or out of bounds."""
    low, high = LEAST_EXTENSION_SECONDS, MOST_EXTENSION_SECONDS
    try:
        seconds = clean_seconds(value)
    except ValidationError:
        seconds = 0.0
    if not low <= seconds <= high:
        raise ValidationError({"seconds": [f"Enter {low} to {high} seconds, as a number."]})
    return seconds


def apply_to_running(fields: Iterable[str]) -> int | None:
    """Gives requests that run the deadlines stored for these fields. Returns for how many it moved.

    The server may be another process, so it is ordered to. None: no server answered.
    """
    named = set(fields)
    answer = orders.give(RunningOrder.Verb.APPLY, endpoints=[e.key for e in ENDPOINTS if e.field in named])
    return None if answer is None else int(answer["changed"])


def save(values: Mapping[str, object], author: Author) -> TimeoutsInForce:
    """Stores `values` (seconds by field name, such as `chat_seconds`): all of them, or none.

    Raises ValidationError with a list of messages per field.
    """
    fields = {endpoint.field: endpoint for endpoint in ENDPOINTS}
    errors: dict[str, list[str]] = {}
    with transaction.atomic():
        for field, value in values.items():
            try:
                changes.save(_row(fields[field], clean_seconds(value)), author)
            except KeyError:
                errors[field] = [f"There is no such timeout. Known: {', '.join(fields)}."]
            except ValidationError as error:
                errors[field] = error.messages
        if errors:
            raise ValidationError(dict(errors))
    return in_force()


def reset(author: Author) -> TimeoutsInForce:
    return save({endpoint.field: endpoint.default_seconds for endpoint in ENDPOINTS}, author)


def _row(endpoint: Endpoint, seconds: float) -> Timeout:
    row = Timeout.objects.filter(pk=endpoint.key).first() or Timeout(pk=endpoint.key)
    row.seconds = seconds
    return row


def _not_served(endpoint: Endpoint, value: object) -> str:
    found = "no value" if value is None else f"{value!r}"
    low, high = number_text(endpoint.min_seconds), number_text(endpoint.highest_seconds)
    return (
        f"{endpoint.label}: the database holds {found}, which is not a timeout from {low} to {high} s. The default "
        f"of {seconds_text(endpoint.default_seconds)} is in force; save a value to replace it."
    )
