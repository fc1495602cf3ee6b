"""From what was asked to the tokens of a prompt, or the reason why this model cannot take it."""

from typing import Any

from inference.messages import Add, ChatPrompt, TextPrompt, TokenPrompt
from inference.runner import chat_template
from inference.runner.unusable import Unusable

Prompt = ChatPrompt | TextPrompt | TokenPrompt
UNLIMITED_TOKENS = 2**31


def prompt_tokens(tokenizer: Any, prompt: Prompt) -> list[int]:
    """At least one. Raises Unusable, and whatever a chat template raises."""
    match prompt:
        case TextPrompt("") | TokenPrompt([]):
            # Also where the model begins every text with a token: what is refused depends on no model.
            raise _empty()
        case ChatPrompt():
            return chat_template.rendered(tokenizer, prompt)
        case TextPrompt(text):
            return _encoded(tokenizer, text)
        case TokenPrompt(tokens):
            return _in_vocabulary(tokenizer, tokens)


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
        param = param_of(command.prompt)
        verb = "resulted" if param == "messages" else "has resulted"
        raise Unusable(
            "context_length_exceeded",
            f"This model's maximum context length is {context_tokens} tokens. However, your {param} "
            f"{verb} in {len(prompt)} tokens. Please reduce the length of the {param}.",
            param,
        )
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


def _encoded(tokenizer: Any, text: str) -> list[int]:
    """As mlx_lm does it: a text that begins as every text of the model does is not begun twice."""
    begins = tokenizer.bos_token is not None and text.startswith(tokenizer.bos_token)
    tokens = list(tokenizer.encode(text, add_special_tokens=not begins))
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
