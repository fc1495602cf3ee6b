"""What was measured, as the table shows it, and what it must reach."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from bench.contenders import MLX_LM, OURS, RAW, RAW_JEMALLOC, VLLM_MLX
from bench.loads import Load
from bench.table import Line

Measured = dict[tuple[str, str], list[dict[str, Any]]]
"""What a contender's rounds came to, by its name and the load's."""

MLX_LM_FACTOR, MLX_LM_CLIENTS = 1.3, (8, 32)
VLLM_MLX_FACTOR = 1.15
RAW_SHARE = {1: 0.9, 8: 0.8}
REAL_RAW_SHARE = 0.97
FIRST_SHARE = {32: 0.2}  # of mlx_lm.server's
ARRIVALS_FACTOR, PREFIX_SHARE = 3.0, 0.2
ARRIVALS, PREFIX = "arrivals", "prefix"
SERVERS = (OURS, MLX_LM, VLLM_MLX)

Figure = Callable[[dict[str, Any]], float]


def of_tiny(measured: Measured, kinds: Sequence[Load]) -> list[Line]:
    lines = _table("tiny", measured)
    for load in kinds:
        lines += [*_rates(measured, load), _first(measured, load), _cpu(measured, load)]
    return [*lines, *_arrivals(measured), *_prefix(measured)]


def of_real(measured: Measured, kinds: Sequence[Load]) -> list[Line]:
    lines = _table("real", measured)
    for load in kinds:
        what = load.name(streamed=True)
        figures = {"tokens/s": _ratio(measured, what, _rate, RAW)}
        least = {"tokens/s": REAL_RAW_SHARE}
        lines.append(Line(f"real: {what}, of {RAW}'s", "times", figures, {}, least))
    return lines


def _table(model: str, measured: Measured) -> list[Line]:
    """Each load in full, whoever did it; in the order of the first round."""
    return [
        _row(model, contender, what, rounds)
        for (contender, what), rounds in measured.items()
        if what not in (ARRIVALS, PREFIX)
    ]


def _row(model: str, contender: str, what: str, rounds: list[dict[str, Any]]) -> Line:
    figures = {"tokens/s": round(_median(map(_rate, rounds)), 1)}
    for name in ("first_p50", "first_p99", "gap_p50", "gap_p99"):
        values = [found[name] for found in rounds if found[name] is not None]
        if values:
            figures[name.replace("_", " ")] = round(_median(values), 2)
    figures["CPU"] = round(_median(map(_cpu_per_1000, rounds)), 3)
    if "client_cpu_seconds" in rounds[0]:
        client = (found["client_cpu_seconds"] / found["tokens"] * 1000 for found in rounds)
        figures["client"] = round(_median(client), 3)
    return Line(f"{model}: {what}, {contender}", "", figures)


def _rates(measured: Measured, load: Load) -> list[Line]:
    what = load.name(streamed=True)
    wanted = {RAW: RAW_SHARE.get(load.clients), RAW_JEMALLOC: None, MLX_LM: None, VLLM_MLX: VLLM_MLX_FACTOR}
    if load.clients in MLX_LM_CLIENTS:
        wanted[MLX_LM] = MLX_LM_FACTOR
    return [
        Line(
            f"tiny: {what}, of {peer}'s",
            "times",
            {"tokens/s": _ratio(measured, what, _rate, peer)},
            {},
            {} if least is None else {"tokens/s": least},
        )
        for peer, least in wanted.items()
        if (peer, what) in measured
    ]


def _first(measured: Measured, load: Load) -> Line:
    """Against the best peer of each round."""
    what = load.name(streamed=True)
    figures = {"of the best peer's": _ratio(measured, what, _first_p99, *_peers(measured, what))}
    bounds = {"of the best peer's": 1.0}
    if load.clients in FIRST_SHARE:
        figures[f"of {MLX_LM}'s"] = _ratio(measured, what, _first_p99, MLX_LM)
        bounds[f"of {MLX_LM}'s"] = FIRST_SHARE[load.clients]
    return Line(f"tiny: {what}, first text p99", "times", figures, bounds)


def _cpu(measured: Measured, load: Load) -> Line:
    what = load.name(streamed=True)
    peers = _peers(measured, what)
    figures = {f"of {peer}'s": _ratio(measured, what, _cpu_per_1000, peer) for peer in peers}
    return Line(f"tiny: {what}, CPU", "times", figures, dict.fromkeys(figures, 1.0))


def _arrivals(measured: Measured) -> list[Line]:
    lines = []
    for server in SERVERS:
        if rounds := measured.get((server, ARRIVALS)):
            figures = {name.replace("_", " "): round(_median(r[name] for r in rounds), 2) for name in _KEYS}
            figures["p99 ratio"] = round(_median(r["busy_p99"] / r["idle_p99"] for r in rounds), 3)
            bounds = {"p99 ratio": ARRIVALS_FACTOR} if server == OURS else {}
            lines.append(Line(f"tiny: first text while 8 decode, {server}", "ms", figures, bounds))
    return lines


_KEYS = ("idle_p50", "idle_p99", "busy_p50", "busy_p99")


def _prefix(measured: Measured) -> list[Line]:
    lines = []
    for server in SERVERS:
        if rounds := measured.get((server, PREFIX)):
            figures = {
                "tokens": rounds[0]["prompt_tokens"],
                "first": round(_median(r["first_ms"] for r in rounds), 2),
                "second": round(_median(r["second_ms"] for r in rounds), 2),
                "ratio": round(_median(r["second_ms"] / r["first_ms"] for r in rounds), 3),
            }
            bounds = {"ratio": PREFIX_SHARE} if server == OURS else {}
            lines.append(Line(f"tiny: a prompt that begins alike, {server}", "ms", figures, bounds))
    return lines


def _ratio(measured: Measured, what: str, figure: Figure, *peers: str) -> float:
    """This product's by the least of the peers', round by round; the median of all rounds."""
    rounds = zip(measured[OURS, what], *(measured[peer, what] for peer in peers), strict=True)
    return round(_median(figure(mine) / min(map(figure, others)) for mine, *others in rounds), 3)


def _peers(measured: Measured, what: str) -> list[str]:
    return [peer for peer in (MLX_LM, VLLM_MLX) if (peer, what) in measured]


def _rate(found: dict[str, Any]) -> float:
    return float(found["tokens"] / found["seconds"])


def _first_p99(found: dict[str, Any]) -> float:
    return float(found["first_p99"])


def _cpu_per_1000(found: dict[str, Any]) -> float:
    return float(found["cpu_seconds"] / found["tokens"] * 1000)


def _median(values: Any) -> float:
    return float(statistics.median(values))
