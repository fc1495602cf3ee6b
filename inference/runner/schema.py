"""A JSON schema before it is compiled: what llguidance would keep only in part, or take too long over."""

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

MOST_BYTES = 128 * 1024  # 2,500 objects in an enum: 0.4 s to compile
MOST_PROPERTIES = 1000  # all optional: 80 ms to compile, 4 ms for a token; both grow with the square
MOST_PATTERN_PROPERTIES = 50  # 13 ms; 300: 1.8 s
MOST_MULTIPLE = 100_000  # 140 ms; 999,983: 7 s; two of 1,000, which must both hold, are one of a million
OPTIONS = "x-guidance"  # llguidance's key for them: a schema may not bring its own


class Unkeepable(Exception):
    """The schema cannot be kept. The message is for the client."""


def checked(text: str, options: dict[str, Any]) -> str:
    """The schema as it may be compiled, in ASCII, with llguidance's options. Raises Unkeepable."""
    if len(text.encode()) > MOST_BYTES:
        raise Unkeepable(f"It is larger than {MOST_BYTES // 1024} KiB.")
    schema = json.loads(text)
    if not isinstance(schema, dict):
        raise Unkeepable("It is no JSON object.")
    found = list(_keywords(schema))
    _bound(found, "properties", MOST_PROPERTIES)
    _bound(found, "patternProperties", MOST_PATTERN_PROPERTIES)
    _bound_multiples([value for name, value in found if name == "multipleOf"])
    if any(name == "minProperties" and isinstance(value, int) and value > 1 for name, value in found):
        # Only the keys that are in `properties` are kept apart: {"a": 1, "a": 2} would pass for two.
        raise Unkeepable("minProperties can be 0 or 1. Name the properties, and which of them are required.")
    return json.dumps({**schema, OPTIONS: options})


def _keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    """All members of all objects: what only looks like a keyword, in an enum or as a property's name, counts too."""
    left = [schema]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield from node.items()
            left += node.values()
        elif isinstance(node, list):
            left += node


def _bound(found: list[tuple[str, Any]], keyword: str, most: int) -> None:
    count = sum(len(value) for name, value in found if name == keyword and isinstance(value, dict))
    if count > most:
        raise Unkeepable(f"It has {count:,} {keyword}; {most:,} is the most.")


def _bound_multiples(values: list[Any]) -> None:
    """A grammar for multiples of n has n states; for what is a multiple of several, their least common multiple."""
    numbers = [Decimal(str(value)) for value in values if type(value) in (int, float) and value > 0]
    if not numbers:
        return
    digits = max(max(-_exponent(number), 0) for number in numbers)
    whole = [int(number.scaleb(digits)) for number in numbers]
    if max(math.lcm(*whole), sum(whole)) > MOST_MULTIPLE:
        raise Unkeepable(f"multipleOf has too many digits: {MOST_MULTIPLE:,} is the most, of all together.")


def _exponent(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
