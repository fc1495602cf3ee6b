"""What the request log says of the last hour: how much came, who asks again and again, which providers fail."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import Substr
from django.utils import timezone

from settings_app.models import Provider, RequestLog

MINUTES = 60
RETRY_MINUTES = 10
MOST_READ = 2000  # rows with a provider, of the newest
_EQUAL_IN_THE_SAME_REQUEST = ("model", "api_key", "endpoint", "streamed", "prompt_tokens")


@dataclass(frozen=True)
class Minute:
    """`requests` that came in it and have ended, and the tokens that were made for them."""

    at: datetime
    requests: int
    tokens: int


@dataclass(frozen=True)
class Retrying:
    """A client that keeps sending the same request for `model`: its retries of late, and the most for one request."""

    model: str
    api_key: str
    requests: int
    most: int


def minutes() -> list[Minute]:
    """The oldest first, the last one is not over yet."""
    last = datetime.now(UTC).replace(second=0, microsecond=0)
    times = [last - timedelta(minutes=ago) for ago in range(MINUTES - 1, -1, -1)]
    requests: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    for minute, count, made in _by_minute(times[0]):
        requests[minute] = count
        tokens[minute] = made
    names = [at.strftime("%Y-%m-%d %H:%M") for at in times]
    return [Minute(at, requests[name], tokens[name]) for at, name in zip(times, names, strict=True)]


def retrying() -> list[Retrying]:
    """Of the last ten minutes, who sent the same request for a second time again, or more; the worst first.

    The official clients count that themselves, for each request. One retry is none of it, however many send one: they
    are as many requests, of people who may share a key.
    """
    since = timezone.now() - timedelta(minutes=RETRY_MINUTES)
    same: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    # Grouped here: the database would go by the index of the models, through all of a log, to have them in order.
    for *what, count in (
        RequestLog.objects.filter(at__gte=since, client_retries__gt=0)
        .order_by("-at")
        .values_list(*_EQUAL_IN_THE_SAME_REQUEST, "client_retries")
    ):
        same[tuple(what)].append(count)
    retries: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for (model, api_key, *_), counts in same.items():
        if max(counts) > 1:
            retries[model, api_key] += counts
    found = [Retrying(*who, len(counts), max(counts)) for who, counts in retries.items()]
    return sorted(found, key=lambda client: -client.requests)


def timeouts(hours: int) -> Counter[str]:
    """By phase, how many requests that came in the last `hours` ran out of time."""
    since = timezone.now() - timedelta(hours=hours)
    missed = RequestLog.objects.filter(status=RequestLog.Status.TIMEOUT, at__gte=since).order_by()
    return Counter(dict(missed.values_list("phase").annotate(Count("id"))))


def failures_in_a_row(providers: Collection[str]) -> dict[str, tuple[int, str]]:
    """By provider whose last request failed: how many did since one went well, and the last one's error."""
    found: dict[str, tuple[int, str]] = {}
    well: set[str] = set()
    for provider, error in _told_of(providers):
        if provider in well:
            continue
        if error is None:
            well.add(provider)
        else:
            count, newest = found.get(provider, (0, error))
            found[provider] = (count + 1, newest)
    return found


def _told_of(providers: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """Newest first, a provider and why it failed; None: it did not."""
    since = timezone.now() - timedelta(minutes=MINUTES)
    # "Afar East" before "Afar", also if it is switched off
    names = sorted({*providers, *Provider.objects.values_list("name", flat=True)}, key=len, reverse=True)
    rows = (
        RequestLog.objects.filter(Q(backend__in=providers) | ~Q(fell_back=""), at__gte=since)
        .order_by("-at")  # whose index ends with the hour; by id the whole log is read
        .values_list("backend", "status", "phase", "error_code", "fell_back")[:MOST_READ]
    )
    for backend, status, phase, error, fell_back in rows:
        if backend in providers and status == RequestLog.Status.OK:
            yield backend, None
        elif backend in providers and _failed(status, phase):
            yield backend, error
        for failed in reversed(fell_back.split("; ")):
            provider = next((name for name in names if failed.startswith(f"{name} ")), "")
            if provider in providers:
                yield provider, failed.rpartition(": ")[2]


def _failed(status: str, phase: str) -> bool:
    """Whether that was the provider's doing; also if the time was up while it was waited for."""
    return status == RequestLog.Status.ERROR or (status == RequestLog.Status.TIMEOUT and phase == "cloud")


def _by_minute(since: datetime) -> Iterator[tuple[str, int, int]]:
    """In SQL's own text of a time: Django's functions of it are Python's, which take a second for 100,000 rows."""
    sums = RequestLog.objects.filter(at__gte=since).annotate(minute=Substr("at", 1, 16)).order_by()
    return iter(
        sums.values("minute")
        .annotate(count=Count("id"), made=Sum("completion_tokens"))
        .values_list("minute", "count", "made")
    )
