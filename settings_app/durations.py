"""Seconds as people write and read them."""

import re

_UNITS = (("h", 3600), ("min", 60), ("s", 1))
_WRITTEN = re.compile(r"(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+(?:\.\d+)?)s?)?\Z")


def number_text(seconds: float) -> str:
    """As a person would type it: 900.0 → "900", 0.25 → "0.25". Nothing is rounded away."""
    return str(int(seconds)) if seconds == int(seconds) else repr(seconds)


def seconds_text(seconds: float) -> str:
    """`5400` → "1 h 30 min", `90` → "90 s", `0.25` → "0.25 s". Nothing is rounded away."""
    if seconds != int(seconds):
        return f"{number_text(seconds)} s"
    whole = int(seconds)
    if whole < 120 and whole != 60:
        return f"{whole} s"
    parts = []
    for unit, size in _UNITS:
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts)


def ms_text(ms: float) -> str:
    """`12.34` → "12 ms", `1234` → "1.23 s", `75000` → "1 min 15 s"."""
    if ms < 999.5:
        return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.2g} ms"
    if ms < 99_950:
        return f"{ms / 1000:.3g} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def parse_seconds(text: str) -> float:
    """`1200`, `90.5`, `15m`, `1h30m`, `1h 30m 5s` → seconds. Raises ValueError for anything else."""
    compact = text.replace(" ", "").lower()
    try:
        return float(compact)
    except ValueError:
        pass
    match = _WRITTEN.match(compact)
    if not compact or match is None:
        raise ValueError(f"{text!r} is no duration: write seconds (1200), or like 15m, 1h30m, 90s.")
    hours, minutes, seconds = (float(match[name] or 0) for name in ("h", "m", "s"))
    return hours * 3600 + minutes * 60 + seconds
