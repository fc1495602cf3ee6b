"""The field that an error is about, under its name in the API that was asked; a chat knows it under its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from inference.errors import ApiError


@dataclass(frozen=True)
class Named:
    message: str
    param: str | None


def named(error: ApiError, names: Mapping[str, str]) -> Named:
    """`names`: here, by a chat's. A function's own fields stand one level higher here."""
    chat = here = error.param or ""
    if chat.startswith("tools["):
        tool, _, field = chat.partition(".function.")
        here = f"{tool}.{names.get(f'function.{field}', field)}" if field else chat
    for name, other in names.items():
        if chat == name or chat.startswith((f"{name}.", f"{name}[")):
            here = other
    if not chat or not error.message.startswith(chat):
        return Named(error.message, here or None)
    return Named(here + error.message.removeprefix(chat), here)
