"""What a model wrote between the tags of a call, as calls of tools. The parsers are mlx_lm's, one for each format."""

import json
import logging
import math
import secrets
import string
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from inference.messages import Tools

# Mistral's templates take calls only under names of nine letters and digits; to all others any name is good.
ID_LETTERS, ID_LENGTH = string.ascii_letters + string.digits, 9

logger = logging.getLogger(__name__)


class Called(NamedTuple):
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class CallFormat:
    """How a model writes calls. `end` may be empty: then a call goes on to the end of the turn."""

    start: str
    end: str
    parse: Callable[[str, list[dict[str, Any]]], Any]
    tools: Tools

    def read(self, text: str) -> list[Called]:
        """The calls in a text, in their order; none if it is not a call of tools through and through."""
        try:
            found = self.parse(text, self.tools.functions)
            calls = [_called(call) for call in (found if isinstance(found, list) else [found])]
        except Exception as error:  # the parsers raise whatever they stumble over
            logger.warning("a call of %d characters cannot be read: %s", len(text), type(error).__name__)
            return []
        return calls if self.tools.parallel else calls[:1]


def _called(call: dict[str, Any]) -> Called:
    """Raises whatever is raised by what is no call."""
    name, arguments = call["name"], call.get("arguments")
    if not isinstance(name, str) or not name:
        raise ValueError("a call without a name")
    name.encode()  # half a surrogate could not be sent
    if arguments is None and set(call) - {"id", "name", "arguments"}:
        raise ValueError("a call whose arguments stand elsewhere")
    call_id = call.get("id")
    return Called(call_id if isinstance(call_id, str) and call_id else _new_id(), name, _json(arguments))


def _json(arguments: Any) -> str:
    """A JSON object, as OpenAI's clients read it, of an object or of a text that is one."""
    found = json.loads(arguments) if isinstance(arguments, str) else arguments
    if found is None:
        return "{}"
    if not isinstance(found, dict):
        raise ValueError("arguments that are no object")
    text = json.dumps(_finite(found), ensure_ascii=False, allow_nan=False)
    return text if text.isascii() or _can_be_sent(text) else json.dumps(found)


def _finite(value: Any) -> Any:
    """With the largest number there is for one that was larger: 1e999 is infinity in Python, and that is no JSON."""
    match value:
        case float() if math.isinf(value):
            return math.copysign(sys.float_info.max, value)
        case dict():
            return {name: _finite(each) for name, each in value.items()}
        case list():
            return [_finite(each) for each in value]
    return value


def _can_be_sent(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate
        return False
    return True


def _new_id() -> str:
    return "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))
