"""From messages to the tokens of a prompt, or the reason why this model cannot take them."""

from typing import Any

import jinja2

from inference.messages import Refused


class Unusable(Exception):
    """The messages cannot be a prompt. `code` and the message are for the client."""

    def __init__(self, code: str, message: str, param: str | None = "messages") -> None:
        super().__init__(message)
        self.code = code
        self.param = param

    def refused(self, id: str) -> Refused:
        return Refused(id, self.code, self.param, str(self))


def prompt_tokens(tokenizer: Any, messages: list[dict[str, Any]]) -> list[int]:
    """The chat template's tokens, with the opening of the assistant's turn. Raises Unusable."""
    if not tokenizer.has_chat_template:
        raise Unusable(
            "no_chat_template",
            "This model has no chat template, so it cannot take messages. Use an instruction-tuned model.",
        )
    try:
        tokens = tokenizer.apply_chat_template([_as_text(m) for m in messages], add_generation_prompt=True)
    except jinja2.TemplateError as error:
        message = f"The model's chat template refuses these messages: {error}"
        raise Unusable("invalid_messages", message) from error
    if not tokens:
        raise Unusable("invalid_messages", "The model's chat template makes nothing of these messages.")
    return list(tokens)


def room_for(prompt: list[int], context_tokens: int | None, max_tokens: int | None) -> int:
    """How many tokens may be made: what is asked for, at most what the context has left. Raises Unusable."""
    if max_tokens is not None and max_tokens < 1:
        raise Unusable("invalid_value", f"max_tokens must be at least 1, not {max_tokens}.", "max_tokens")
    if context_tokens is None:
        return 2**31 if max_tokens is None else max_tokens
    left = context_tokens - len(prompt)
    if left < 1:
        raise Unusable(
            "context_length_exceeded",
            f"This model's maximum context length is {context_tokens} tokens. However, your messages "
            f"resulted in {len(prompt)} tokens. Please reduce the length of the messages.",
        )
    return left if max_tokens is None else min(left, max_tokens)


def _as_text(message: dict[str, Any]) -> dict[str, Any]:
    """Content in parts becomes one string: most templates can do nothing else with it."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    if any(part.get("type") != "text" for part in content):
        raise Unusable("invalid_messages", "This model takes text only.")
    return {**message, "content": "".join(part["text"] for part in content)}
