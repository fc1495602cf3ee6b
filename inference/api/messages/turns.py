"""The turns of a conversation as the messages of a chat: what tools gave is a message of its own for each call."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from inference.errors import InvalidRequest

Message = dict[str, Any]
Content = str | list[dict[str, Any]]


class Block(Struct, forbid_unknown_fields=True):
    """A piece of a turn, of one of several types. `citations`, `caller`, `signature` come back with what was said."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None
    caller: Any = None
    toolset_name: None = None
    tool_use_id: str | None = None
    content: "str | list[Block] | None" = None
    is_error: bool | None = None
    citations: Any = None
    cache_control: dict[str, Any] | None = None
    source: Any = None
    title: Any = None
    context: Any = None


class Turn(Struct, forbid_unknown_fields=True):
    role: Literal["user", "assistant"]
    content: str | list[Block]


def translated(
    system: str | list[Block] | None, turns: Sequence[Turn], *, with_cache_control: bool
) -> list[Message]:
    """`with_cache_control`: for one who knows it; else each content is one text. Raises InvalidRequest."""
    found: list[Message] = []
    if system:
        content = _content("system", _blocks(system), with_cache_control)
        found.append({"role": "system", "content": content})
    for index, turn in enumerate(turns):
        place = f"messages[{index}].content"
        blocks = _blocks(turn.content)
        if turn.role == "assistant":
            found.append(_assistant(place, blocks, with_cache_control))
        else:
            found += _user(place, blocks, with_cache_control)
    return found


def _blocks(content: str | list[Block]) -> list[Block]:
    return [Block("text", text=content)] if isinstance(content, str) else content


def _user(place: str, blocks: list[Block], with_cache_control: bool) -> list[Message]:
    """What tools gave comes first: a chat wants it right after the calls."""
    results = [
        _result(f"{place}[{index}]", block, with_cache_control)
        for index, block in enumerate(blocks)
        if block.type == "tool_result"
    ]
    rest = [block for block in blocks if block.type != "tool_result"]
    if results and not rest:
        return results
    return [*results, {"role": "user", "content": _content(place, rest, with_cache_control)}]


def _result(place: str, block: Block, with_cache_control: bool) -> Message:
    given = _content(f"{place}.content", _blocks(block.content or ""), with_cache_control)
    content = _marked(given) if block.is_error else given
    return {"role": "tool", "tool_call_id": _required(place, block, "tool_use_id"), "content": content}


def _marked(content: Content) -> Content:
    """A chat has no other way to say that a tool failed."""
    if isinstance(content, str):
        return f"Error: {content}"
    return [{"type": "text", "text": "Error:"}, *content]


def _assistant(place: str, blocks: list[Block], with_cache_control: bool) -> Message:
    calls, thoughts, rest = [], [], []
    for index, block in enumerate(blocks):
        match block.type:
            case "tool_use":
                calls.append(_call(f"{place}[{index}]", block))
            case "thinking":
                thoughts.append(_required(f"{place}[{index}]", block, "thinking"))
            case "redacted_thinking":
                pass  # nobody but who wrote it can read it
            case _:
                rest.append(block)
    found: Message = {"role": "assistant"}
    if thoughts:
        found["reasoning_content"] = "\n\n".join(thoughts)
    found["content"] = _content(place, rest, with_cache_control) if rest or not calls else None
    if calls:
        found["tool_calls"] = calls
    return found


def _call(place: str, block: Block) -> dict[str, Any]:
    name = _required(place, block, "name")
    arguments = msgspec.json.encode(block.input or {}).decode()
    function = {"name": name, "arguments": arguments}
    return {"id": _required(place, block, "id"), "type": "function", "function": function}


def _content(place: str, blocks: list[Block], with_cache_control: bool) -> Content:
    """Blocks are paragraphs."""
    texts = [_text(f"{place}[{index}]", block) for index, block in enumerate(blocks)]
    if not with_cache_control or not any(block.cache_control for block in blocks):
        return "\n\n".join(texts)
    return [
        {"type": "text", "text": text}
        | ({"cache_control": block.cache_control} if block.cache_control else {})
        for text, block in zip(texts, blocks, strict=True)
    ]


def _text(place: str, block: Block) -> str:
    if block.type != "text":
        raise InvalidRequest(
            f"{place}: only text can be given here, not a block of type {block.type[:40]!r}.",
            param=place,
            code="unsupported_content",
        )
    return _required(place, block, "text")


def _required(place: str, block: Block, name: str) -> str:
    value = getattr(block, name)
    if value is None:
        raise InvalidRequest(
            f"{place}.{name} is required.", param=f"{place}.{name}", code="missing_required_parameter"
        )
    return str(value)
