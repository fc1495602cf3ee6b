"""The arguments of a function, for forms of calls that write them one by one."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from inference.runner.form import Form, Part

# What a schema may say of an object whose members are written one by one.
OF_MEMBERS = {"type", "properties", "required", "additionalProperties"}
DEFINITIONS = ("$defs", "definitions")
MOST = 200  # each takes 0.1 ms, in which no row decodes
REFERENCE = re.compile(r'"\$ref": "([^"]*)')
SAYS_NOTHING = {"title", "description", "default", "examples", "$schema", "$comment", *DEFINITIONS}


class NoForm(Exception):
    """A function that cannot be called in this form. The message is for the client."""


@dataclass(frozen=True)
class Function:
    name: str
    arguments: Part


@dataclass(frozen=True)
class Member:
    """One of the arguments. `part`: its schema, with the definitions that it may refer to."""

    name: str
    part: Part
    needed: bool
    sent: Any  # its schema as it came

    @property
    def schema(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.part.schema)
        return found

    @property
    def place(self) -> str:
        return f"{self.part.param}.properties.{self.name}"


def members_of(function: Function) -> list[Member]:
    """In the schema's order. Raises NoForm."""
    schema = json.loads(function.arguments.schema)
    properties = schema.get("properties", {})
    needed = schema.get("required", [])
    if len(properties) > MOST:
        raise NoForm(
            f"{function.arguments.param}: this model writes arguments one by one, and {MOST} are the most; these are "
            f"{len(properties)}."
        )
    beside = schema.keys() - OF_MEMBERS - SAYS_NOTHING
    unnamed = [name for name in needed if name not in properties]
    if beside or unnamed or not isinstance(properties, dict):
        raise NoForm(
            f"{function.arguments.param}: this model writes arguments one by one, so the schema has to be an object "
            f"of named properties. Leave out {', '.join(sorted(beside) or unnamed or ['properties'])}."
        )
    definitions = {name: schema[name] for name in DEFINITIONS if name in schema}
    return [
        Member(name, _part(function.arguments, definitions, name, value), name in needed, value)
        for name, value in properties.items()
    ]


def in_order(form: Form, name: str, said: Sequence[tuple[str, bool]], between: str = "") -> str:
    """A rule for all of them, one after the other: how each is said, and whether it has to be.

    Two rules for each place, what may follow if none was said yet and what if some was, differ by what is `between`.
    """
    first, more = name, f"{name}_more" if between else name
    for place, (one, needed) in enumerate(said):
        skipped = [] if needed else [place + 1]
        form.rule(f"{first}_{place}", f"{one} {more}_{place + 1}", *(f"{first}_{next}" for next in skipped))
        if between:
            then = f"{between} {one} {more}_{place + 1}"
            form.rule(f"{more}_{place}", then, *(f"{more}_{next}" for next in skipped))
    for rule in dict.fromkeys((first, more)):
        form.rule(f"{rule}_{len(said)}", '""')
    return f"{first}_0"


def check_name(name: str, allowed: "re.Pattern[str]") -> None:
    """Raises NoForm."""
    if not allowed.fullmatch(name):
        raise NoForm(f"This model cannot call a function of the name {name!r}.")


def loosened(schema: dict[str, Any]) -> dict[str, Any]:
    """What can be kept of it in any case: its type, if it has one."""
    return {"type": schema["type"]} if "type" in schema else {}


def _part(arguments: Part, definitions: dict[str, Any], name: str, value: Any) -> Part:
    if not isinstance(value, (dict, bool)):
        raise NoForm(f"{arguments.param}.properties.{name[:100]} is no schema.")
    for reference in REFERENCE.findall(json.dumps(value)):
        if not reference.startswith(("#/$defs/", "#/definitions/")):
            raise NoForm(
                f"{arguments.param}.properties.{name[:100]} refers to what is no definition of the schema."
            )
    own = value if isinstance(value, dict) else {} if value else {"not": {}}
    return replace(arguments, schema=json.dumps({**definitions, **own}), otherwise="{}")
