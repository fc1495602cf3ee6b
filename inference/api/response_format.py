"""`response_format`: what form a chat's answer must have."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from inference.messages import JsonFormat

ANY_OBJECT = '{"type":"object"}'


class Text(Struct, forbid_unknown_fields=True, tag_field="type", tag="text"):
    """Any text, as without the field."""


class JsonObject(Struct, forbid_unknown_fields=True, tag_field="type", tag="json_object"):
    """Any JSON object. OpenAI demands that the messages say "JSON"; here it is kept whatever they say."""


class Named(Struct, forbid_unknown_fields=True):
    """A schema is kept with `strict` and without: what cannot be kept is refused."""

    name: Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class JsonSchema(Struct, forbid_unknown_fields=True, tag_field="type", tag="json_schema"):
    json_schema: Named


ResponseFormat = Text | JsonObject | JsonSchema


def json_format(asked: ResponseFormat | None) -> JsonFormat | None:
    """What the runner holds the answer to; None: anything."""
    match asked:
        case JsonObject():
            return JsonFormat(ANY_OBJECT, "response_format")
        case JsonSchema(named):
            schema = msgspec.json.encode(named.schema).decode()
            return JsonFormat(schema, "response_format.json_schema.schema")
        case _:
            return None
