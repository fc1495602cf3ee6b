"""What a hundred providers and a thousand rules cost a request: `.venv/bin/python -m bench.routing`.

One server, by turns without and with them; short requests, one after the other. Exit 1 if a request takes more than a
tenth longer. What a whole run measured goes to bench/results/routing.json.
"""

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.client import CHAT, Answer, Client, chat
from bench.pauses import Pauses
from bench.table import Line, show, write
from bench.work import cpu_ms
from tests.conftest import warm
from tests.server import Server, environment, manage, serving
from tests.tiny_model import make_tiny_model

RESULTS = Path(__file__).parent / "results" / "routing.json"
ROUNDS, COUNT = 11, 60
LEAST_ROUNDS = 5  # of a whole run
WARM_UP = 5
MOST = 1.1
OWN_WORK = "the server's own work, all kinds"
PROVIDERS, RULES = 100, 1000
NOTE = (
    "Without: no provider, and the one rule that sends new names to the model. With: 100 providers, and 999 rules of "
    "all kinds before that one. A round is one turn of each; a ratio is that of their medians, of the server's own "
    "work that of their means, and the median of all rounds is what counts. The log's rows are written meanwhile."
)

# Run in a process of its own, as any door is.
WITHOUT = """
from settings_app.models import Provider, Rule
Rule.objects.all().delete()
Provider.objects.all().delete()
Rule.objects.create(position=1000, kind="prefix", pattern="new-", target_model="tiny")
"""
WITH = f"""
from settings_app import sealing
from settings_app.models import Provider, Rule
Provider.objects.bulk_create(
    Provider(name=f"Provider {{n}}", base_url=f"https://p{{n}}.example/v1", sealed_key=sealing.seal(f"key {{n}}"))
    for n in range({PROVIDERS})
)
providers = list(Provider.objects.values_list("pk", flat=True))
patterns = [
    ("exact", "team-{{n}}/model"), ("prefix", "org-{{n}}-"), ("glob", "*-mini-{{n}}-[0-9]?"),
    ("regex", "(gpt|claude)-{{n}}(\\\\.[0-9]+)?(-[a-z]+)*"),
]
fallback = {{"provider": None, "target_model": "tiny", "causes": ["error"], "after_seconds": None}}
Rule.objects.bulk_create(
    Rule(
        position=n, kind=patterns[n % 4][0], pattern=patterns[n % 4][1].replace("{{n}}", str(n)),
        provider_id=providers[n % {PROVIDERS}], fallbacks=[fallback],
    )
    for n in range(1, {RULES})
)
"""
Ask = Callable[[], Awaitable[Answer]]


class Asked:
    """The kinds of requests that are compared, each as short as can be."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._novel = random.Random(3)

    def kinds(self) -> dict[str, tuple[int, Ask]]:
        """What to call it, and the status that it has to get."""
        return {
            "known name, whole": (200, lambda: self._ask("tiny", False)),
            "known name, streamed": (200, lambda: self._ask("tiny", True)),
            "new name, whole": (200, lambda: self._ask(self._name("new"), False)),
            "new name, streamed": (200, lambda: self._ask(self._name("new"), True)),
            "new name, refused": (404, lambda: self._ask(self._name("nobody"), False)),
        }

    def _ask(self, model: str, stream: bool) -> Awaitable[Answer]:
        return self._client.post(CHAT, **chat("hello"), model=model, stream=stream, max_tokens=1)

    def _name(self, begin: str) -> str:
        return f"{begin}-{self._novel.getrandbits(64):x}"


async def _turn(server: Server, asked: Asked, count: int) -> dict[str, float]:
    """Milliseconds by kind, the median from the request to the last byte; and the mean of what the server worked.

    The median is not moved by what else the machine does; work that is not done for every request is in the mean.
    """
    await _ask(asked, WARM_UP)  # the first one reads the settings that were just written
    before = cpu_ms(server.process.pid)
    took = await _ask(asked, count)
    worked = (cpu_ms(server.process.pid) - before) / (count * len(took))
    return {**{kind: statistics.median(values) for kind, values in took.items()}, OWN_WORK: worked}


async def _ask(asked: Asked, count: int) -> dict[str, list[float]]:
    """The kinds take turns."""
    took: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(count):
        for kind, (status, ask) in asked.kinds().items():
            answer = await ask()
            assert answer.status == status, answer.raw
            took[kind].append((answer.pieces[-1][0] - answer.sent) * 1000)
    return took


async def _measure(server: Server, rounds: int, count: int) -> list[Line]:
    asked = Asked(Client(server.url))
    pauses = Pauses()
    watching = asyncio.create_task(pauses.watch())
    turns: dict[str, list[dict[str, float]]] = {WITHOUT: [], WITH: []}
    for number in range(rounds):
        for code in (WITHOUT, WITH):  # what is with is added to what is without
            await asyncio.to_thread(server.manage, "shell", "-c", code)
            await asyncio.to_thread(_expect, server, 1 if code == WITHOUT else RULES)
            turns[code].append(await _turn(server, asked, count))
        print(f"round {number + 1} of {rounds}", flush=True)
    watching.cancel()
    kinds = [
        kind for kind, worked in turns[WITHOUT][0].items() if worked
    ]  # without Linux's /proc there is none
    return [*(_line(kind, turns[WITHOUT], turns[WITH]) for kind in kinds), pauses.line()]


def _expect(server: Server, rules: int) -> None:
    with server.api() as api:
        found = api.get(f"/api/settings/rules?limit={RULES}").raise_for_status().json()["rules"]
    assert len(found) == rules, f"{len(found)} rules instead of {rules}"


def _line(kind: str, without: list[dict[str, float]], with_them: list[dict[str, float]]) -> Line:
    ratios = [many[kind] / few[kind] for few, many in zip(without, with_them, strict=True)]
    figures = {
        "rounds": len(ratios),
        "without ms": round(statistics.median(turn[kind] for turn in without), 3),
        "with ms": round(statistics.median(turn[kind] for turn in with_them), 3),
        "ratio": round(statistics.median(ratios), 3),
    }
    return Line(kind, "", figures, {"ratio": MOST})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns without and with")
    parser.add_argument("--count", type=int, default=COUNT, help="requests of each kind in a turn")
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        model = make_tiny_model(home / "tiny")
        manage(environment(home), "add_model", "tiny", str(model))
        with serving(home) as server:
            warm(server)
            lines = asyncio.run(_measure(server, arguments.rounds, arguments.count))
    show(lines)
    print(NOTE)
    if arguments.rounds >= LEAST_ROUNDS and arguments.count >= COUNT:
        write(RESULTS, lines, [NOTE], load)
    return 0 if all(line.held for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
