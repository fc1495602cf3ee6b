"""Which requests of the log are meant."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from settings_app.models import RequestLog

NO_KEY = "(none)"  # as a filter: requests that came without an API key


@dataclass(frozen=True)
class Filters:
    """What is None or empty lets everything pass. `since` and `until` are about when a request came; `until` is not in.

    `text` stands in the request's id.
    """

    since: datetime | None = None
    until: datetime | None = None
    model: str = ""
    backend: str = ""
    status: str = ""
    endpoint: str = ""
    api_key: str = ""
    text: str = ""

    @property
    def equal(self) -> dict[str, str]:
        """The columns that have to hold one value; each has an index, ordered by time."""
        wanted = {name: getattr(self, name) for name in ("status", "model", "api_key", "backend", "endpoint")}
        return {
            name: "" if (name, value) == ("api_key", NO_KEY) else value
            for name, value in wanted.items()
            if value
        }

    def in_time(self) -> QuerySet[RequestLog]:
        """What came in the time that is meant, newest first."""
        rows = RequestLog.objects.order_by("-at", "-id")
        if self.since is not None:
            rows = rows.filter(at__gte=self.since)
        if self.until is not None:
            rows = rows.filter(at__lt=self.until)
        return rows

    def between(self, since: datetime, until: datetime) -> "Filters":
        return replace(self, since=since, until=until)

    def rows(self) -> QuerySet[RequestLog]:
        """What is meant, newest first."""
        return self.with_text(self.in_time().filter(**self.equal))

    def rows_by(self, column: str = "") -> QuerySet[RequestLog]:
        """What is meant, newest first; the database goes by this column's index, or by time.

        The others are compared as expressions: else it may go by another one, with half the log behind its value.
        """
        rows = self.in_time()
        for name, value in self.equal.items():
            by_index = name == column
            rows = (
                rows.filter(**{name: value})
                if by_index
                else rows.filter(Exact(Coalesce(F(name), Value("")), value))
            )
        return self.with_text(rows)

    def among(self, first: int, last: int) -> QuerySet[RequestLog]:
        """What is meant of the rows with these numbers, the newest number first; few are read."""
        return self.rows_by().filter(pk__gte=first, pk__lte=last).order_by("-id")

    def with_text(self, rows: QuerySet[RequestLog]) -> QuerySet[RequestLog]:
        return rows.filter(request_id__contains=self.text) if self.text else rows
