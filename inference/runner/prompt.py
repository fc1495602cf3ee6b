"""From what was asked to the tokens of a prompt, or the reason why this model cannot take it."""

from typing import Any

from inference.messages import Add, ChatPrompt, TextPrompt, TokenPrompt
from inference.runner import chat_template
from inference.runner.text_tokens import TooLong, text_tokens
from inference.runner.unusable import Unusable

Prompt = ChatPrompt | TextPrompt | TokenPrompt
UNLIMITED_TOKENS = 2**31


def prompt_tokens(tokenizer: Any, prompt: Prompt, most: int | None) -> list[int]:
    """At least one. Raises Unusable, whatever a chat template raises, and TooLong for far more than `most`."""
    match prompt:
        case TextPrompt("") | TokenPrompt([]):
            # Also where the model begins every text with a token: what is refused depends on no model.
            raise _empty()
        case ChatPrompt():
            return chat_template.rendered(tokenizer, prompt, most)
        case TextPrompt(text):
            return _encoded(tokenizer, text, most)
        case TokenPrompt(tokens):
            return _in_vocabulary(tokenizer, tokens)


def prompt_in_context(tokenizer: Any, prompt: Prompt, context_tokens: int | None) -> list[int]:
    """As `prompt_tokens`, refused where it is far more than the context."""
    try:
        return prompt_tokens(tokenizer, prompt, context_tokens)
    except TooLong as error:
        raise _exceeded(prompt, context_tokens, f"more than {error.tokens}") from None


def prompt_text(tokenizer: Any, prompt: Prompt, tokens: list[int]) -> str:
    """What an echo says of a prompt: its own text, without the tokens that the model begins every text with."""
    return prompt.text if isinstance(prompt, TextPrompt) else str(tokenizer.decode(tokens))


def room_for(command: Add, prompt: list[int], context_tokens: int | None) -> int:
    """How many tokens may be made: what is asked for, at most what the context has left. Raises Unusable."""
    max_tokens = command.sampling.max_tokens
    if max_tokens is not None and max_tokens < 1:
        raise Unusable("invalid_value", f"max_tokens must be at least 1, not {max_tokens}.", "max_tokens")
    most = UNLIMITED_TOKENS if context_tokens is None else context_tokens - len(prompt)
    if most < 1:
        raise _exceeded(command.prompt, context_tokens, str(len(prompt)))
    return most if max_tokens is None else min(most, max_tokens)


def cannot_prepare(prompt: Prompt) -> Unusable:
    """For what a template or a tokenizer raised that is not fit for a client."""
    if isinstance(prompt, ChatPrompt):
        message = "The model's chat template cannot render these messages."
        return Unusable("invalid_messages", message, "messages")
    return Unusable("invalid_value", "The model's tokenizer cannot take this prompt.", "prompt")


def param_of(prompt: Prompt) -> str:
    """The request's field that the prompt came from."""
    return "messages" if isinstance(prompt, ChatPrompt) else "prompt"


def _exceeded(prompt: Prompt, context_tokens: int | None, tokens: str) -> Unusable:
    param = param_of(prompt)
    verb = "resulted" if param == "messages" else "has resulted"
    return Unusable(
        "context_length_exceeded",
        f"This model's maximum context length is {context_tokens} tokens. However, your {param} "
        f"{verb} in {tokens} tokens. Please reduce the length of the {param}.",
        param,
    )


def _encoded(tokenizer: Any, text: str, most: int | None) -> list[int]:
    """As mlx_lm does it: a text that begins as every text of the model does is not begun twice."""
    begins = tokenizer.bos_token is not None and text.startswith(tokenizer.bos_token)
    tokens = text_tokens(tokenizer, text, most, special=not begins)
    if not tokens:
        raise _empty()
    return tokens


def _empty() -> Unusable:
    return Unusable("invalid_value", "prompt must not be empty.", "prompt")


def _in_vocabulary(tokenizer: Any, tokens: list[int]) -> list[int]:
    size = len(tokenizer)
    if outside := [token for token in tokens if not 0 <= token < size]:
        message = f"prompt has the token {outside[0]}; this model's tokens are 0 to {size - 1}."
        raise Unusable("invalid_value", message, "prompt")
    return tokens
