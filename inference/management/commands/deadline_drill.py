import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from inference.drill import Drill, Model, Result, Unreachable
from settings_app import api_keys
from settings_app.changes import command_author
from settings_app.endpoints import BY_KEY
from settings_app.management.base import DatabaseCommand
from settings_app.models import LocalModel, RequestLog

PHASES = {
    "chat": ("load", "queue", "prefill", "decode"),
    "completions": ("load", "queue", "prefill", "decode"),
    "embeddings": ("load", "queue", "prefill"),
}
KIND = {"chat": "text", "completions": "text", "embeddings": "embedding"}
LOG_SECONDS = 10.0


class Command(DatabaseCommand):
    help = (
        "Let a deadline fire in every phase of every endpoint of the running server, and show what happened. "
        "Exit 1 if an answer, a stop, the memory or the next request is out of bounds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="The server's address; else the one that serves this home.")
        parser.add_argument("--slack", type=float, default=1.0, help="Widens every bound by so much (1).")
        parser.add_argument("--model", help="The text model to drill; else the first.")
        parser.add_argument("--embedding-model", help="The embedding model to drill; else the first.")

    def handle(self, *args: Any, **options: Any) -> None:
        models = self._models(options)
        with self._client(options["url"] or _address()) as http:
            drill = Drill(http, _stop_latency, options["slack"])
            self.stdout.write(HEAD)
            failures = sum(self._row(drill, *case) for case in _cases(models))
        if failures:
            raise CommandError(f"{failures} of the cases above are out of bounds.")
        self.stdout.write("Every deadline held, and the work behind it stopped.")

    def _row(self, drill: Drill, model: Model, phase: str, streamed: bool) -> int:
        try:
            result = drill.phase(model, phase, streamed)
        except Unreachable as error:
            self.stdout.write(f"{model.endpoint:<12}{phase:<8}NOT REACHED: {error}")
            return 1
        except httpx2.HTTPError as error:
            raise CommandError(f"The server does not answer any more: {error}") from error
        self.stdout.write(_line(result))
        self.stdout.flush()
        return 1 if result.faults else 0

    def _models(self, options: dict[str, Any]) -> list[Model]:
        chosen = {"text": options["model"], "embedding": options["embedding_model"]}
        found = []
        for endpoint, kind in KIND.items():
            rows = LocalModel.objects.filter(kind=kind)
            row = rows.filter(name=chosen[kind]).first() if chosen[kind] else rows.order_by("id").first()
            if row is not None:
                found.append(Model(row.name, endpoint, BY_KEY[endpoint].path))
            elif chosen[kind]:
                raise CommandError(f"There is no {kind} model {chosen[kind]}.")
            else:
                self.stdout.write(f"{endpoint}: there is no {kind} model to drill.")
        if not found:
            raise CommandError("There is no model to drill. Add one: manage.py add_model NAME FOLDER")
        return found

    @contextmanager
    def _client(self, url: str) -> Iterator[httpx2.Client]:
        """A client with an administrator's key that lives as long as the drill."""
        key, token = api_keys.create(f"drill {time.time():.0f}", is_admin=True, author=command_author())
        try:
            with httpx2.Client(base_url=url, headers={"authorization": f"Bearer {token}"}) as http:
                http.get("/api/models").raise_for_status()
                yield http
        except httpx2.ConnectError as error:
            raise CommandError(f"No server answers at {url}. Start it, or give --url.") from error
        finally:
            api_keys.revoke(key, command_author())


def _cases(models: list[Model]) -> Iterator[tuple[Model, str, bool]]:
    for model in models:
        for phase in PHASES[model.endpoint]:
            for streamed in (False,) if model.endpoint == "embeddings" else (False, True):
                yield model, phase, streamed


def _address() -> str:
    path = settings.HOME / "address"
    if not path.exists():
        raise CommandError("No server runs on this home. Start it (manage.py serve), or give --url.")
    return path.read_text().strip()


def _stop_latency(request_id: str) -> float | None:
    """Seconds, from the request's log row, which is written a moment after its end."""
    ends = time.monotonic() + LOG_SECONDS
    while time.monotonic() < ends:
        if row := RequestLog.objects.filter(request_id=request_id).first():
            return None if row.stop_latency_ms is None else row.stop_latency_ms / 1000
        time.sleep(0.05)
    raise Unreachable(f"{request_id} is not in the log after {LOG_SECONDS:.0f} s")


HEAD = (
    f"{'ENDPOINT':<12}{'PHASE':<8}{'STREAM':<8}{'DEADLINE':>9}{'ANSWERED':>10}{'STATUS':>13}{'STOPPED':>10}"
    f"{'MEMORY MB':>16}{'NEXT FIRST TOKEN':>19}"
)


def _line(result: Result) -> str:
    stopped = "-" if result.stopped is None else f"+{result.stopped * 1000:.0f} ms"
    memory = f"{result.memory_before / 1e6:.0f} → {result.memory_after / 1e6:.0f}"
    first = f"{result.first_before * 1000:.0f} → {result.first_after * 1000:.0f} ms"
    line = (
        f"{result.endpoint:<12}{result.phase:<8}{'yes' if result.streamed else 'no':<8}{result.deadline:>7.3g} s"
        f"{f'+{result.answered * 1000:.0f} ms':>10}{result.status:>13}{stopped:>10}{memory:>16}{first:>19}"
    )
    return "\n".join([line, *(f"    FAULT: {fault}" for fault in result.faults)])
