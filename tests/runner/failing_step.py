"""A runner whose every step after loading fails. Run as `python -m tests.runner.failing_step`."""

import sys
from typing import Any

from inference.runner import text
from inference.runner.__main__ import main


class FailingModel(text.TextModel):
    def step(self) -> Any:
        if self.busy:
            raise RuntimeError("the step failed, as it was told to")
        return super().step()


text.TextModel = FailingModel  # type: ignore[misc]
sys.exit(main())
