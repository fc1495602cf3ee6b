"""The rows that wait for their grammars to be compiled."""

import logging
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from inference.runner import grammar
from inference.runner.form import Form
from inference.runner.grammar import Grammar
from inference.runner.row import Row
from inference.runner.unusable import Unusable

logger = logging.getLogger(__name__)


class Grammars:
    """Compiles in a thread of its own, one after the other, while the rows that decode go on."""

    def __init__(self, tokenizer: Any) -> None:
        self._thread = ThreadPoolExecutor(1, "grammars")
        # Begun here, at load: later it would hold up rows that decode.
        self._tokenizer = self._thread.submit(grammar.constraining, tokenizer)
        self._ends = sorted(tokenizer.eos_token_ids)
        self._waiting: dict[str, tuple[Row, Future[Grammar]]] = {}

    def begin(self, row: Row, form: Form) -> None:
        """The row is not complete until `finish` has given it its grammar."""
        row.complete = False
        compiling = self._thread.submit(lambda: grammar.compiled(form, self._tokenizer.result(), self._ends))
        self._waiting[row.id] = (row, compiling)

    def finish(self) -> list[tuple[Row, Unusable]]:
        """Completes the rows whose grammar is there; gives those back that cannot have one, and why."""
        refused: list[tuple[Row, Unusable]] = []
        for row, compiling in [found for found in self._waiting.values() if found[1].done()]:
            del self._waiting[row.id]
            try:
                row.hold_to(compiling.result())
            except Unusable as error:
                refused.append((row, error))
            except Exception:
                logger.exception("%s: the schema cannot be compiled", row.id)
                refused.append((row, Unusable("invalid_schema", "The format cannot be kept.", None)))
        return refused

    def drop(self, row: Row) -> None:
        """It is gone, whether or not it waited."""
        if waiting := self._waiting.pop(row.id, None):
            waiting[1].cancel()

    def wait(self, seconds: float) -> None:
        """Until one is compiled, or the time is up."""
        wait([compiling for _, compiling in self._waiting.values()], seconds, FIRST_COMPLETED)
