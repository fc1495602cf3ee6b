"""Bytes as people read them, on every page, in every answer and in the log."""

KB, MB, GB, TB = 2**10, 2**20, 2**30, 2**40
_UNITS = (("TB", TB), ("GB", GB), ("MB", MB), ("kB", KB))


def size_text(size_bytes: float) -> str:
    """`1_610_612_736` → "1.5 GB", `93_000_000` → "89 MB".

    A GB has 2^30 bytes, for memory and for disks: a machine sold with 64 GB has 64, and what a model takes on the
    disk can be held against what may be held in memory.
    """
    for unit, size in _UNITS:
        value = size_bytes / size
        if value >= 1 - 0.5 / KB:  # else 1,023.6 MB would be "1024 MB"
            return f"{value:.1f} {unit}" if size >= GB or value < 9.95 else f"{value:.0f} {unit}"
    return f"{int(size_bytes)} bytes"
