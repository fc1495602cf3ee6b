"""What was measured, line by line, against its bound: printed, and written down."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


@dataclass
class Line:
    """`bounds` are the most that the figures of the same names may be, `least` the least; the others are only told."""

    what: str
    unit: str
    figures: dict[str, float]
    bounds: dict[str, float] = field(default_factory=dict)
    least: dict[str, float] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        return all(self.figures[name] <= most for name, most in self.bounds.items()) and all(
            self.figures[name] >= least for name, least in self.least.items()
        )

    def text(self) -> str:
        told = [f"{name} {value:.5g}{self._bound(name)}" for name, value in self.figures.items()]
        verdict = ("held" if self.held else "BROKEN") if self.bounds or self.least else "-"
        return f"{verdict:<7}{self.what:<66}{', '.join(told)} {self.unit}".rstrip()

    def _bound(self, name: str) -> str:
        signs = (("≤", self.bounds), ("≥", self.least))
        return "".join(f" ({sign} {bounds[name]:.4g})" for sign, bounds in signs if name in bounds)


def spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "of": len(values),
        "median": round(statistics.median(values), 3),
        "worst": round(max(values), 3),
    }


def show(lines: Sequence[Line]) -> None:
    for line in lines:
        print(line.text(), flush=True)


def write(
    file: Path,
    lines: Sequence[Line],
    notes: Sequence[str],
    load: float,
    versions: Mapping[str, str] | None = None,
) -> None:
    """`versions`: of what else was measured."""
    found = {
        "machine": {
            "platform": platform.system(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "mlx": version("mlx"),
            "mlx-lm": version("mlx-lm"),
            **(versions or {}),
            "load before": round(load, 2),
            "date": datetime.now(UTC).date().isoformat(),
        },
        "lines": [{**asdict(line), "held": line.held} for line in lines],
        "notes": list(notes),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
