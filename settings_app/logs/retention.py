"""How long the request log keeps its rows: read, changed, and what is too old deleted."""

from collections.abc import Mapping
from datetime import timedelta

from django.utils import timezone

from settings_app import one_row
from settings_app.changes import Author
from settings_app.forms.retention import RetentionForm
from settings_app.logs import counts
from settings_app.models import RequestLog, Retention

BATCH_ROWS = 1000  # some 20 ms of holding the database; whoever else writes gets in between


def current() -> Retention:
    return one_row.current(Retention)


def save(values: Mapping[str, object], author: Author) -> Retention:
    """As `one_row.save`."""
    return one_row.save(RetentionForm, values, author)


def delete_some(days: int) -> int:
    """Deletes up to a batch of what is older than so many days. Returns how many; 0: none is left. 0 days: for ever."""
    if not days:
        return 0
    old = RequestLog.objects.filter(at__lt=timezone.now() - timedelta(days=days)).order_by("at", "id")
    deleted, _ = RequestLog.objects.filter(
        pk__in=list(old.values_list("pk", flat=True)[:BATCH_ROWS])
    ).delete()
    if 0 < deleted < BATCH_ROWS:
        counts.forget_empty()
    return deleted
