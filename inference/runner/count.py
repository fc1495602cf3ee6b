"""How many tokens a prompt has: what a request of these words would be charged, without a row for it."""

import logging
from typing import Any

from inference.messages import Count, Counted, Event
from inference.runner.prompt import Prompt, cannot_prepare, param_of, prompt_tokens
from inference.runner.text_tokens import TooLong
from inference.runner.unusable import Unusable

MOST_CONTEXTS = 2

logger = logging.getLogger(__name__)


def counted(tokenizer: Any, command: Count, context_tokens: int | None) -> Event:
    """Also of a prompt that the context does not hold: to learn that is what one counts for."""
    most = None if context_tokens is None else MOST_CONTEXTS * context_tokens
    try:
        return Counted(command.id, len(prompt_tokens(tokenizer, command.prompt, most)))
    except TooLong as error:
        return _too_long(command.prompt, error, context_tokens).refused(command.id)
    except Unusable as error:
        return error.refused(command.id)
    except Exception:
        logger.exception("%s: the prompt cannot be counted", command.id)
        return cannot_prepare(command.prompt).refused(command.id)


def _too_long(prompt: Prompt, error: TooLong, context_tokens: int | None) -> Unusable:
    param = param_of(prompt)
    return Unusable(
        "context_length_exceeded",
        f"This model's maximum context length is {context_tokens} tokens. Your {param} would be more than "
        f"{error.tokens}, and what is more than {MOST_CONTEXTS} times the context is not counted to its end.",
        param,
    )
