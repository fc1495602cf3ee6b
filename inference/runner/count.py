"""How many tokens a prompt has: what a request of these words would be charged, without a row for it."""

import logging
from typing import Any

from inference.messages import Count, Counted, Event
from inference.runner.prompt import cannot_prepare, prompt_tokens
from inference.runner.unusable import Unusable

logger = logging.getLogger(__name__)


def counted(tokenizer: Any, command: Count) -> Event:
    """Also of a prompt that the context does not hold: to learn that is what one counts for."""
    try:
        return Counted(command.id, len(prompt_tokens(tokenizer, command.prompt)))
    except Unusable as error:
        return error.refused(command.id)
    except Exception:
        logger.exception("%s: the prompt cannot be counted", command.id)
        return cannot_prepare(command.prompt).refused(command.id)
