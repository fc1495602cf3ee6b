"""Bytes as people read them."""

_UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def size_text(size_bytes: float) -> str:
    """`4_310_000_000` → "4.31 GB", `93_000_000` → "93 MB". Decimal units, as disks and the hub count; three digits."""
    for index, (unit, size) in enumerate(_UNITS):
        if size_bytes >= size * (0.9995 if index else 1):
            value = size_bytes / size
            return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.3g} {unit}"
    return f"{int(size_bytes)} bytes"
