"""The turns of a conversation as the messages of a chat: what tools gave is a message of its own for each call."""

from collections.abc import Iterable, Sequence
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
        content = _content("system", enumerate(_blocks(system)), with_cache_control)
        found.append({"role": "system", "content": content})
    for index, turn in enumerate(turns):
        place = f"messages[{index}].content"
        blocks = _blocks(turn.content)
        if turn.role == "assistant":
            found.append(_assistant(place, blocks, with_cache_control))
        else:
            found += _user(place, blocks, with_cache_control)
    return found if with_cache_control else _taking_turns(found)


def _taking_turns(messages: list[Message]) -> list[Message]:
    """What a user says in several turns in a row is one, as at Anthropic: many templates want them to take turns."""
    found: list[Message] = []
    for message in messages:
        if found and found[-1]["role"] == message["role"] == "user":
            found[-1] = {**message, "content": f"{found[-1]['content']}\n\n{message['content']}"}
        else:
            found.append(message)
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
    rest = [(index, block) for index, block in enumerate(blocks) if block.type != "tool_result"]
    if results and not rest:
        return results
    return [*results, {"role": "user", "content": _content(place, rest, with_cache_control)}]


def _result(place: str, block: Block, with_cache_control: bool) -> Message:
    given = _content(f"{place}.content", enumerate(_blocks(block.content or "")), with_cache_control)
    content = _marked(given) if block.is_error else given
    call_id = _required(place, block, "tool_use_id")
    cached = {"cache_control": block.cache_control} if with_cache_control and block.cache_control else {}
    return {"role": "tool", "tool_call_id": call_id, "content": content, **cached}


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
                rest.append((index, block))
    found: Message = {"role": "assistant"}
    if thoughts:
        found["reasoning_content"] = "\n\n".join(thoughts)
    found["content"] = _content(place, rest, with_cache_control) if rest or not calls else None
    if calls:
        found["tool_calls"] = calls
        mark = next(block.cache_control for block in reversed(blocks) if block.type == "tool_use")
        found |= {"cache_control": mark} if with_cache_control and mark else {}
    return found


def _call(place: str, block: Block) -> dict[str, Any]:
    name = _required(place, block, "name")
    arguments = msgspec.json.encode(block.input or {}).decode()
    function = {"name": name, "arguments": arguments}
    return {"id": _required(place, block, "id"), "type": "function", "function": function}


def _content(place: str, numbered: Iterable[tuple[int, Block]], with_cache_control: bool) -> Content:
    """Blocks, with their numbers among all that stand there, are paragraphs."""
    blocks = dict(numbered)
    texts = [_text(f"{place}[{number}]", block) for number, block in blocks.items()]
    if not with_cache_control or not any(block.cache_control for block in blocks.values()):
        return "\n\n".join(texts)
    return [
        {"type": "text", "text": text}
        | ({"cache_control": block.cache_control} if block.cache_control else {})
        for text, block in zip(texts, blocks.values(), strict=True)
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
