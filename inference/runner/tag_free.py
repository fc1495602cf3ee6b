"""A schema of JSON that is read out of a text by its tags: none of its strings may hold one."""

import json
import re
from collections.abc import Sequence
from typing import Any

from inference.runner.members import NoForm

ANY = "any_json"  # the definition of what any JSON is
_ANY = {"$ref": f"#/$defs/{ANY}"}
_MEANT_FOR_ALL = {"$ref", "anyOf", "oneOf", "allOf", "not"}
_SCHEMAS_BY_NAME = {"properties", "patternProperties", "$defs", "definitions"}
_SCHEMAS = {"items", "additionalProperties"}
_LISTS_OF_SCHEMAS = {"prefixItems", "anyOf", "allOf", "oneOf"}


def tag_free(schema: dict[str, Any], texts: Sequence[str], place: str) -> dict[str, Any]:
    """The schema, of what has none of the texts in its strings.

    The texts begin with "<" and have it nowhere else. Names of members that the schema does not name are not looked
    at. Raises NoForm where a value that it names has one of the texts in it.
    """
    pattern = _without(texts)
    free = _free(schema, texts, pattern, place)
    parts: list[Any] = [
        {"type": "null"},
        {"type": "boolean"},
        {"type": "number"},
        {"type": "string", "pattern": pattern},
        {"type": "array", "items": _ANY},
        {"type": "object", "additionalProperties": _ANY},
    ]
    return {**free, "$defs": {**free.get("$defs", {}), ANY: {"anyOf": parts}}}


def _free(schema: Any, texts: Sequence[str], pattern: str, place: str) -> Any:
    if schema is True or schema == {}:
        return _ANY
    if not isinstance(schema, dict):
        return schema
    found = {name: _walked(name, value, texts, pattern, place) for name, value in schema.items()}
    if "enum" in schema or "const" in schema:
        written = json.dumps([schema.get("enum"), schema.get("const")], ensure_ascii=False)
        if any(text in written for text in texts):
            raise NoForm(f"{place}: this model cannot write a value with {' or '.join(texts)} in it.")
        return found
    if "type" not in schema and schema.keys() & _MEANT_FOR_ALL:
        return found
    return _of_types(found, pattern)


def _walked(name: str, value: Any, texts: Sequence[str], pattern: str, place: str) -> Any:
    if name in _SCHEMAS_BY_NAME and isinstance(value, dict):
        return {key: _free(each, texts, pattern, place) for key, each in value.items()}
    if name in _LISTS_OF_SCHEMAS and isinstance(value, list):
        return [_free(each, texts, pattern, place) for each in value]
    return _free(value, texts, pattern, place) if name in _SCHEMAS else value


def _of_types(schema: dict[str, Any], pattern: str) -> dict[str, Any]:
    """Of each type that it may be of."""
    said = schema.get("type")
    types = set(said if isinstance(said, list) else [said])
    every = None in types
    if every or "string" in types:
        schema = _with_pattern(schema, pattern)
    if (every or "array" in types) and "items" not in schema:
        schema = {**schema, "items": _ANY}
    if (every or "object" in types) and "additionalProperties" not in schema:
        schema = {**schema, "additionalProperties": _ANY}
    return schema


def _with_pattern(schema: dict[str, Any], pattern: str) -> dict[str, Any]:
    if "pattern" in schema:
        return {**schema, "allOf": [*schema.get("allOf", []), {"type": "string", "pattern": pattern}]}
    return {**schema, "pattern": pattern}


def _without(texts: Sequence[str]) -> str:
    """A pattern of what has none of the texts in it: after each "<" something that leads to none."""
    return f"^[^<]*(<{_astray([text[1:] for text in texts])})*$"


def _astray(rests: list[str]) -> str:
    """What may come up to the next "<" or the end, so that none of the rests is complete."""
    letters = sorted({rest[0] for rest in rests})
    ways = [f"[^<{''.join(letters)}][^<]*"]
    for letter in letters:
        left = [rest[1:] for rest in rests if rest[0] == letter]
        if "" not in left:
            ways.append(re.escape(letter) + _astray(left))
    return f"({'|'.join(ways)})?"
