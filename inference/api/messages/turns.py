"""The turns of a conversation as the messages of a chat: what tools gave is a message of its own for each call."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from inference.errors import InvalidRequest

Message = dict[str, Any]


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
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


def translated(system: str | list[Block] | None, turns: Sequence[Turn]) -> list[Message]:
    """Each content is one text. What the system says between turns stands where it was, as a paragraph of the user's:
    most templates take a system's message at the beginning alone. Raises InvalidRequest.
    """
    found: list[Message] = []
    if system:
        found.append({"role": "system", "content": _content("system", enumerate(_blocks(system)))})
    for index, turn in enumerate(turns):
        place = f"messages[{index}].content"
        blocks = _blocks(turn.content)
        if turn.role == "assistant":
            found.append(_assistant(place, blocks))
        else:
            found += _user(place, blocks)
    return _taking_turns(found)


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


def _user(place: str, blocks: list[Block]) -> list[Message]:
    """What tools gave comes first: a chat wants it right after the calls."""
    results = [
        _result(f"{place}[{index}]", block)
        for index, block in enumerate(blocks)
        if block.type == "tool_result"
    ]
    rest = [(index, block) for index, block in enumerate(blocks) if block.type != "tool_result"]
    if results and not rest:
        return results
    return [*results, {"role": "user", "content": _content(place, rest)}]


def _result(place: str, block: Block) -> Message:
    """A chat has no other way to say that a tool failed than to say so."""
    given = _content(f"{place}.content", enumerate(_blocks(block.content or "")))
    content = f"Error: {given}" if block.is_error else given
    return {"role": "tool", "tool_call_id": _required(place, block, "tool_use_id"), "content": content}


def _assistant(place: str, blocks: list[Block]) -> Message:
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
    if thought := "\n\n".join(filter(None, thoughts)):  # one that was omitted has no text
        found["reasoning_content"] = thought
    found["content"] = _content(place, rest) if rest or not calls else None
    if calls:
        found["tool_calls"] = calls
    return found


def _call(place: str, block: Block) -> dict[str, Any]:
    name = _required(place, block, "name")
    arguments = msgspec.json.encode(block.input or {}).decode()
    function = {"name": name, "arguments": arguments}
    return {"id": _required(place, block, "id"), "type": "function", "function": function}


def _content(place: str, numbered: Iterable[tuple[int, Block]]) -> str:
    """Blocks, with their numbers among all that stand there, are paragraphs."""
    return "\n\n".join(_text(f"{place}[{number}]", block) for number, block in numbered)


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
