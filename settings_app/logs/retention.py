"""How long the request log keeps its rows: read, changed, and what is too old deleted."""

from collections.abc import Mapping
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import model_to_dict
from django.utils import timezone

from settings_app import changes
from settings_app.changes import Author
from settings_app.forms.retention import RetentionForm
from settings_app.json_values import typed
from settings_app.models import RequestLog, Retention

BATCH_ROWS = 1000  # some 20 ms of holding the database; whoever else writes gets in between


def current() -> Retention:
    """The one row, or the defaults where it is missing."""
    return Retention.objects.filter(pk=1).first() or Retention(pk=1)


def save(values: Mapping[str, object], author: Author) -> Retention:
    """Stores `values` (JSON's, by field name). Raises ValidationError with messages per field."""
    with transaction.atomic():
        row = current()
        form = RetentionForm({**model_to_dict(row), **typed(RetentionForm, values)}, instance=row)
        if not form.is_valid():
            raise ValidationError(form.errors.as_data())
        changes.save(form.instance, author)
        return form.instance


def delete_some(days: int) -> int:
    """Deletes up to a batch of what is older than so many days. Returns how many; 0: none is left. 0 days: for ever."""
    if not days:
        return 0
    old = RequestLog.objects.filter(at__lt=timezone.now() - timedelta(days=days)).order_by("at", "id")
    deleted, _ = RequestLog.objects.filter(
        pk__in=list(old.values_list("pk", flat=True)[:BATCH_ROWS])
    ).delete()
    return deleted
