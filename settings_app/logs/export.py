"""What is filtered, as a file: streamed in batches, so that a million rows need no more memory than a batch."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone

from settings_app.logs import rows
from settings_app.logs.filters import Filters
from settings_app.logs.rows import Place
from settings_app.models import RequestLog

BATCH_ROWS = 2_000
BUDGET_SECONDS = 0.5  # of a batch that finds little: then it breathes
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what makes a spreadsheet compute a cell

# The names on the wire, in their order, and the columns that hold them.
FIELDS = {
    "id": "request_id",
    **{
        field.name: field.name
        for field in RequestLog._meta.concrete_fields
        if field.name not in ("id", "request_id")
    },
}
COLUMNS = ("at", "id", *FIELDS.values())
Values = list[Any]


@dataclass(frozen=True)
class Format:
    content_type: str
    head: bytes
    batch: Callable[[Iterable[Values], bool], str]  # and whether it is the first
    foot: bytes = b""


def described(row: RequestLog) -> dict[str, Any]:
    """A row as it is on the wire."""
    return {name: getattr(row, column) for name, column in FIELDS.items()}


async def export(filters: Filters, form: Format) -> AsyncIterator[bytes]:
    """The file, newest first: one hop into a thread for each batch, which leaves no connection open."""
    yield form.head
    before: Place | None = None
    is_first = True
    while True:
        text, before, wrote = await sync_to_async(_batch)(filters, form, before, is_first)
        is_first = is_first and not wrote
        if text:
            yield text
        if before is None:
            break
    yield form.foot


def file_name(name: str) -> str:
    return f"requests-{timezone.now():%Y-%m-%dT%H-%M}.{name}"


def _batch(
    filters: Filters, form: Format, before: Place | None, is_first: bool
) -> tuple[bytes, Place | None, bool]:
    try:
        found = rows.newest(filters, limit=BATCH_ROWS, before=before, columns=COLUMNS, budget=BUDGET_SECONDS)
    finally:
        connection.close()  # else it would stay open as long as the stream
    text = form.batch((list(row[2:]) for row in found.rows), is_first) if found.rows else ""
    return text.encode(), found.older, bool(found.rows)


def _csv(batch: Iterable[Values], is_first: bool) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in batch)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def _objects(batch: Iterable[Values]) -> Iterator[str]:
    for row in batch:
        yield json.dumps(dict(zip(FIELDS, row, strict=True)), ensure_ascii=False, default=datetime.isoformat)


def _jsonl(batch: Iterable[Values], is_first: bool) -> str:
    return "".join(f"{text}\n" for text in _objects(batch))


def _json(batch: Iterable[Values], is_first: bool) -> str:
    return ("" if is_first else ",\n") + ",\n".join(_objects(batch))


FORMATS = {
    "csv": Format("text/csv; charset=utf-8", (",".join(FIELDS) + "\r\n").encode(), _csv),
    "json": Format("application/json", b"[\n", _json, b"\n]\n"),
    "jsonl": Format("application/x-ndjson", b"", _jsonl),
}
