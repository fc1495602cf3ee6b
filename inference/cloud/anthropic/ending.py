"""How an answer of Anthropic's ended and what it took, in OpenAI's terms."""

from typing import Annotated

from msgspec import Meta, Struct

from inference.chunk import Usage

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",  # it would go on if asked to: not its own end
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}

Count = Annotated[int, Meta(ge=0, lt=2**31)]  # as the log has room for


class Tokens(Struct):
    """What Anthropic counts. A stream says it in pieces, each of which stands for the whole answer so far."""

    input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    output_tokens: Count | None = None

    def updated(self, later: "Tokens") -> "Tokens":
        newer = {name: getattr(later, name) for name in self.__struct_fields__}
        return Tokens(**{name: getattr(self, name) if n is None else n for name, n in newer.items()})

    @property
    def usage(self) -> Usage:
        """OpenAI's prompt counts all that was read, from a cache or into one."""
        read = self.cache_read_input_tokens or 0
        prompt = (self.input_tokens or 0) + (self.cache_creation_input_tokens or 0) + read
        return Usage(prompt, read, self.output_tokens or 0)

    @property
    def told(self) -> dict[str, object]:
        usage = self.usage
        return {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "prompt_tokens_details": {
                "cached_tokens": usage.cached_tokens,
                "cache_creation_tokens": self.cache_creation_input_tokens or 0,
            },
        }


def finish_reason(stop_reason: str) -> str:
    """One that is not known yet is an ending like any other."""
    return FINISH_REASONS.get(stop_reason, "stop")
