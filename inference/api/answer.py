"""One answer as it comes, chunk by chunk or whole: what is to be told of it in another API's words."""

from typing import Any

import msgspec

from inference.api import said
from inference.api.parts import Part, Parts, Step
from inference.api.said import Usage
from inference.call import Call
from inference.chunk import Data


class Answer:
    """`finish_reason`: "" until it has ended. `mlx`: what this server says of it besides, if anything."""

    def __init__(self, call: Call, *, with_logprobs: bool = False) -> None:
        self._call = call
        self._with_logprobs = with_logprobs
        self._parts = Parts(call)
        self._usage: Usage | None = None
        self.finish_reason = ""
        self.mlx: dict[str, Any] = {}

    @property
    def parts(self) -> list[Part]:
        return self._parts.all

    @property
    def usage(self) -> Usage:
        """As it was said, or as it was counted where nothing was."""
        return self._usage or msgspec.convert(self._call.usage(), Usage)

    def take(self, chunk: Data) -> list[Step]:
        """What a chunk, or all of it, does to the parts. Raises ApiError."""
        found = said.read(self._call, chunk)
        self._usage = found.usage or self._usage
        if found.mlx:
            self.mlx = {"mlx": found.mlx}
        steps: list[Step] = []
        for choice in found.choices:
            if choice.said is not None:
                told = said.logprobs(self._call, choice) if self._with_logprobs else []
                steps += self._parts.take(choice.said, told)
        if found.finish_reason and not self.finish_reason:
            self.finish_reason = found.finish_reason
            steps += self._parts.end()
        return steps

    def take_whole(self, answer: Data) -> None:
        """Raises ApiError, also where it does not say how it ended."""
        self.take(answer)
        if not self.finish_reason:
            raise said.garbled(self._call, "answered without a finish reason")
