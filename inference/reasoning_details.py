"""What an assistant thought in an earlier turn, with the signatures of who thought it: as OpenRouter has it in chats.

For models here and for providers. An `index` is what clients put the pieces of a stream together by.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

TEXT, ENCRYPTED = "reasoning.text", "reasoning.encrypted"


class Detail(Struct):
    """A block of thinking, or a piece of one. `format`: whose signature it is. What else is in it is not looked at."""

    type: str
    text: str | None = None
    signature: str | None = None
    data: str | None = None  # that only who sealed it can read
    format: str | None = None
    index: int | None = None


def joined(details: Sequence[Detail]) -> list[Detail]:
    """In their order, each in one: who keeps all that a stream said sends its pieces back."""
    found: list[Detail] = []
    for detail in details:
        if found and detail.index is not None and found[-1].index == detail.index:
            found[-1] = _together(found[-1], detail)
        else:
            found.append(detail)
    return found


def thought(details: Sequence[Detail]) -> str:
    """All of it that can be read."""
    return "\n\n".join(detail.text for detail in joined(details) if detail.text)


def _together(first: Detail, more: Detail) -> Detail:
    return replace(
        first,
        text=(first.text or "") + (more.text or ""),
        signature=(first.signature or "") + (more.signature or ""),
        data=(first.data or "") + (more.data or ""),
    )
