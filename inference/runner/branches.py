"""A schema taken apart by the types of the values that fit it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from inference.runner.members import SAYS_NOTHING, NoForm

TYPES = {"null", "boolean", "integer", "number", "string", "array", "object"}
MOST_STEPS = 50  # through references and unions: a schema may refer to itself
MOST = 100


@dataclass(frozen=True)
class Branch:
    """`type`: one of JSON's; "any"; or "enum", of the values that are in `values`."""

    type: str
    schema: dict[str, Any]
    values: tuple[Any, ...] = ()

    @property
    def types(self) -> set[str]:
        if self.type != "enum":
            return {self.type}
        return set().union(*map(types_of, self.values))


def branches_of(schema: Any, root: dict[str, Any], place: str) -> list[Branch]:
    """`root`: where its references lead. Raises NoForm for what is not put together of types, by its `place`."""
    found = list(islice(_branches(schema, root, place, MOST_STEPS), MOST + 1))
    if len(found) > MOST:
        raise NoForm(f"{place} is put together of more than {MOST} types.")
    return found


def referred(reference: Any, root: dict[str, Any], place: str) -> Any:
    """The schema that a reference leads to. Raises NoForm."""
    node: Any = root
    names = str(reference).removeprefix("#").split("/")
    for name in names[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        node = node.get(name) if isinstance(node, dict) else None
    if node is None or names[0]:
        raise NoForm(f"{place} refers to {str(reference)[:100]!r}, which is not in the schema.")
    return node


def types_of(value: Any) -> set[str]:
    """The types that a value is of."""
    match value:
        case None:
            return {"null"}
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"integer", "number"} if value.is_integer() else {"number"}
        case str():
            return {"string"}
        case list():
            return {"array"}
        case _:
            return {"object"}


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1 is 1.0, and not true."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return isinstance(one, bool) == isinstance(other, bool) and one == other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _branches(schema: Any, root: dict[str, Any], place: str, steps: int) -> Iterator[Branch]:
    if steps == 0:
        raise NoForm(f"{place} refers to itself.")
    said = {} if schema is True else schema
    if not isinstance(said, dict):
        raise NoForm(f"{place}: nothing fits it.")
    says = said.keys() - SAYS_NOTHING
    union = next((name for name in ("anyOf", "oneOf") if name in says), None)
    if not says:
        yield Branch("any", {})
    elif says == {"$ref"}:
        yield from _branches(referred(said["$ref"], root, place), root, place, steps - 1)
    elif union is not None and says == {union} and isinstance(said[union], list):
        yield from _union(said[union], root, place, steps, apart=union == "oneOf")
    elif says & {"enum", "const"} and says <= {"enum", "const", "type"}:
        yield Branch("enum", said, _values(said))
    elif "type" in says and not says & {"$ref", "anyOf", "oneOf", "allOf", "enum", "const"}:
        for type in _listed(said["type"]):
            if not isinstance(type, str) or type not in TYPES:
                raise NoForm(f"{place}: there is no type {str(type)[:100]!r}.")
            yield Branch(type, {**said, "type": type})
    else:
        raise NoForm(
            f"{place}: this model writes an argument by its type, and this is not put together of types. Say its "
            f"type, and nothing that reaches over several (it says {', '.join(sorted(says))})."
        )


def _union(
    members: list[Any], root: dict[str, Any], place: str, steps: int, *, apart: bool
) -> Iterator[Branch]:
    """`apart`: a value must fit one alone, which is so where their types differ."""
    found = [branch for member in members for branch in _branches(member, root, place, steps - 1)]
    types = [branch.type for branch in found]
    if apart and (len(set(types)) < len(types) or {"enum", "any"} & set(types)):
        raise NoForm(f"{place}: oneOf holds types that are not told apart. Write anyOf in its place.")
    yield from found


def _values(said: dict[str, Any]) -> tuple[Any, ...]:
    """Those that it allows, of the types that it names."""
    values = _listed(said["enum"]) if "enum" in said else [said["const"]]
    if "const" in said:
        values = [value for value in values if same(value, said["const"])]
    if "type" in said:
        values = [value for value in values if types_of(value) & set(_listed(said["type"]))]
    return tuple(values)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
