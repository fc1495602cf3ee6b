"""A prompt or an input as OpenAI takes it: a text, a list of texts, tokens, or a list of lists of tokens."""

from typing import Annotated, Any

from msgspec import Meta

from inference.errors import InvalidRequest
from inference.messages import TextPrompt, TokenPrompt

_TOKENS = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}, "minItems": 1}
_TEXT = {"type": "string", "minLength": 1}
_MANY = {"type": "array", "items": {"anyOf": [_TEXT, _TOKENS]}, "minItems": 1}
Prompts = Annotated[Any, Meta(extra_json_schema={"anyOf": [_TEXT, _TOKENS, _MANY]})]
"""Anything to the decoder, whose words for such a union help nobody; `read` looks at it."""


def read(value: object, param: str, *, most: int) -> list[TextPrompt | TokenPrompt]:
    """The prompts that `value` holds, one to `most`. Raises InvalidRequest, which names the place."""
    if isinstance(value, str) or _is_tokens(value):
        return [_one(value, param)]
    if not isinstance(value, list) or not value:
        raise _wrong(param)
    if len(value) > most:
        raise InvalidRequest(
            f"{param} holds {len(value)} entries; at most {most} are taken at once.",
            param=param,
            code="invalid_value",
        )
    return [_one(entry, f"{param}[{index}]") for index, entry in enumerate(value)]


def _one(value: object, place: str) -> TextPrompt | TokenPrompt:
    if isinstance(value, str):
        if not value:
            raise InvalidRequest(f"{place} is empty.", param=place, code="invalid_value")
        return TextPrompt(value)
    if isinstance(value, list) and _is_tokens(value):
        return TokenPrompt(value)
    raise _wrong(place)


def _is_tokens(value: object) -> bool:
    """Whole numbers that a token can be; `True` is none."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(type(token) is int and 0 <= token < 2**31 for token in value)
    )


def _wrong(place: str) -> InvalidRequest:
    return InvalidRequest(
        f"{place}: give a text, a list of texts, a list of token numbers, or a list of such lists, none of them empty.",
        param=place,
        code="invalid_value",
    )
