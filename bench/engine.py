"""How fast the engine is beside its peers: `make bench`, or `.venv/bin/python -m bench.engine`.

mlx-lm's BatchGenerator driven directly, `mlx_lm.server`, this product and vllm-mlx take turns, on the tiny model (only
overhead is left) and on the built-in one. Exit 1 if a target is missed. What a whole run measured goes to
bench/results/engine.json.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from bench import contenders, idle, loads, real_model, vllm_mlx
from bench.contenders import Contender
from bench.loads import Load
from bench.table import Line, show, spread, write
from bench.targets import ARRIVALS, PREFIX, Measured, of_real, of_tiny
from bench.worker import Worker, working
from tests.tiny_model import make_tiny_model

RESULTS = Path(__file__).parent / "results" / "engine.json"
ROUNDS = 5  # a ratio is the median of so many
OWN_COST = 200


@dataclass(frozen=True)
class Plan:
    """`arriving`: short requests, on an idle server and on a busy one. `pairs`: prompts that begin alike, each time."""

    tiny: tuple[Load, ...]
    real: tuple[Load, ...]
    arriving: tuple[int, int]
    pairs: int
    idle_seconds: float


FULL = Plan(
    (Load(1, 100), Load(8, 13), Load(32, 4)), (Load(1, 1), Load(8, 1), Load(32, 1)), (24, 40), 3, 20.0
)
QUICK = Plan((Load(1, 3), Load(8, 1), Load(32, 1)), (Load(1, 1),), (8, 16), 1, 5.0)
LONG_TOKENS = 3500
NOTE = (
    "Contenders take turns, and all but the one that is measured stand still. A ratio is the median of those of all "
    "rounds, a percentile that of all requests in a round, and the table shows medians of rounds. first: milliseconds "
    "from asking to the first text (to the answer, where it is not streamed); gap: between two pieces of text; CPU: "
    "seconds that the whole process tree of a contender works for 1,000 tokens; client: those of the one who asks. "
    "On the real model peers are measured in one round, and what is not streamed too: all would take an hour. "
    "All servers have OpenBLAS and jemalloc where they are installed; BatchGenerator has OpenBLAS, and once more both."
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--quick", action="store_true", help="a look: one round, short loads; nothing is kept"
    )
    parser.add_argument("--only", choices=("tiny", "real", "idle"), help="one part")
    arguments = parser.parse_args()
    plan, rounds = (QUICK, 1) if arguments.quick else (FULL, arguments.rounds)
    began, load = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, working("bench.loader") as loader:
        bench = Bench(Path(folder), loader, plan, rounds)
        lines = bench.lines(arguments.only)
    print(NOTE, *bench.notes, f"{time.monotonic() - began:.0f} s in all.", sep="\n")
    if not arguments.quick and not arguments.only and rounds >= ROUNDS:
        write(RESULTS, lines, [NOTE, *bench.notes], load, bench.versions)
    return 0 if all(line.held for line in lines) else 1


class Bench:
    def __init__(self, folder: Path, loader: Worker, plan: Plan, rounds: int) -> None:
        self._folder = folder
        self._loader = loader
        self._plan = plan
        self._rounds = rounds
        self._chance = random.Random(time.time_ns())  # prompts that no cache of an earlier run has
        self.notes: list[str] = []
        self.versions = {"libraries": ", ".join(contenders.installed()) or "none"}

    def lines(self, only: str | None) -> list[Line]:
        found = []
        for name, part in (("idle", self._idle), ("tiny", self._tiny), ("real", self._real)):
            if only in (None, name):
                lines = part()
                show(lines)
                found += lines
        return found

    def _idle(self) -> list[Line]:
        cost = self._loader.ask({"do": "own_cost", "count": OWN_COST})["took_ms"]
        idle_line = idle.line(self._folder / "idle", self._plan.idle_seconds)
        return [Line("the measurement's own cost", "ms", spread(cost)), idle_line]

    def _tiny(self) -> list[Line]:
        model = make_tiny_model(self._folder / "tiny")
        measured: Measured = defaultdict(list)
        with self._contenders(model) as present, contenders.raw_jemalloc(model) as tuned:
            self._bursts(measured, [*present, tuned], self._plan.tiny, (True, False), range(self._rounds))
            self._others(present, measured)
        return of_tiny(measured, self._plan.tiny)

    def _real(self) -> list[Line]:
        model = real_model.folder(self._folder / "real")
        measured: Measured = defaultdict(list)
        with self._contenders(model) as present:
            compared = [one for one in present if one.name in (contenders.RAW, contenders.OURS)]
            self._bursts(measured, present, self._plan.real, (True,), range(1))
            self._bursts(measured, compared, self._plan.real, (False,), range(1))
            self._bursts(measured, compared, self._plan.real, (True,), range(1, self._rounds))
        return of_real(measured, self._plan.real)

    @contextmanager
    def _contenders(self, model: Path) -> Iterator[list[Contender]]:
        """Those that there are; of vllm-mlx it is noted why it is none of them."""
        home = self._folder / f"home of {model.name}"
        with ExitStack() as stack:
            present = [
                stack.enter_context(contenders.raw(model)),
                stack.enter_context(
                    contenders.mlx_lm_server(model, self._loader, self._folder / "mlx_lm.log")
                ),
                stack.enter_context(contenders.ours(model, self._loader, home)),
            ]
            try:
                python = vllm_mlx.python()
                self.versions |= vllm_mlx.installed(python)
                log = self._folder / "vllm_mlx.log"
                present.append(stack.enter_context(contenders.vllm_mlx(python, model, self._loader, log)))
            except (vllm_mlx.CannotInstall, RuntimeError) as error:
                self.notes.append(f"{contenders.VLLM_MLX} was not measured: {error}.")
                print(self.notes[-1], flush=True)
            yield present

    def _bursts(
        self,
        measured: Measured,
        present: list[Contender],
        kinds: tuple[Load, ...],
        streamed: tuple[bool, ...],
        rounds: range,
    ) -> None:
        for number in rounds:
            for load, is_streamed in product(kinds, streamed):
                job = load.job(self._chance, is_streamed)
                for contender in _in_turn(present, number):
                    measured[contender.name, load.name(is_streamed)].append(contender.measure(job))
            print(f"round {number + 1} of {self._rounds}", flush=True)

    def _others(self, present: list[Contender], measured: Measured) -> None:
        """Arrivals and shared prefixes, of those that serve."""
        tokenizer = present[0].worker
        for number in range(self._rounds):
            arrivals = loads.arrivals(self._chance, *self._plan.arriving, LONG_TOKENS)
            with present[0].awake():
                prefix = loads.prefix(self._chance, tokenizer, self._plan.pairs)
            for contender in _in_turn([one for one in present if one.serves], number):
                measured[contender.name, ARRIVALS].append(contender.measure(arrivals))
                measured[contender.name, PREFIX].append(contender.measure(prefix))


def _in_turn(present: list[Contender], number: int) -> list[Contender]:
    """Another one begins each round: whoever comes first, or after whom, is not always the same."""
    at = number % len(present)
    return present[at:] + present[:at]


if __name__ == "__main__":
    sys.exit(main())
