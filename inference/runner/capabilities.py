"""What a model can be asked for, in the words of /v1/models."""

from typing import Any

from inference.runner.chat_template import takes_tools

EMBEDDING = ("embeddings",)


def of_text(tokenizer: Any) -> tuple[str, ...]:
    """As mlx_lm reads it off the tokenizer: from the chat template, and the tags of tools and thought in it."""
    can = {
        "completions": True,
        "chat": tokenizer.has_chat_template,
        "tools": takes_tools(tokenizer),
        "reasoning": tokenizer.has_chat_template and tokenizer.has_thinking,
    }
    return tuple(what for what, it_can in can.items() if it_can)
