"""What a cloud provider of the test's own says, in each of the protocols."""

from typing import Any

from tests import blocks

WORDS = ("Hello", " from", " afar")


class OpenAI:
    """What is said in OpenAI's protocol. Embeddings are asked of it too."""

    def whole(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "input" in asked:
            vector = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
            usage = {"prompt_tokens": 2, "total_tokens": 2}
            return {"object": "list", "data": [vector], "model": asked["model"], "usage": usage}
        text = "".join(WORDS)
        said = {"text": text} if "prompt" in asked else {"message": {"role": "assistant", "content": text}}
        choice = {"index": 0, **said, "finish_reason": "stop"}
        usage = {"prompt_tokens": 7, "completion_tokens": len(WORDS), "total_tokens": 7 + len(WORDS)}
        whole = {"id": "afar", "object": "chat.completion", "created": 1, "model": asked["model"]}
        return {**whole, "choices": [choice], "usage": usage}

    def beginning(self, asked: dict[str, Any]) -> list[Any]:
        return [self.piece({"role": "assistant", "content": ""})]

    def word(self, text: str) -> Any:
        return self.piece({"content": text})

    def ending(self, asked: dict[str, Any]) -> list[Any]:
        usage = {"prompt_tokens": 7, "completion_tokens": 30, "total_tokens": 37}
        with_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        last = [{**self.piece({}), "choices": [], "usage": usage}] if with_usage else []
        return [self.piece({}, "stop"), *last, "[DONE]"]

    def error(self, status: int) -> Any:
        return {"error": {"message": "no", "type": "server_error"}}

    def refusal(self, asked: dict[str, Any]) -> str:
        return ""

    def piece(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {
            "id": "afar",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [choice],
        }


class Anthropic:
    """What is said in Anthropic's."""

    def whole(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            **self._message(asked),
            "content": [{"type": "text", "text": "".join(WORDS)}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 7, "output_tokens": len(WORDS)},
        }

    def beginning(self, asked: dict[str, Any]) -> list[Any]:
        usage = {"input_tokens": 7, "cache_read_input_tokens": 2, "output_tokens": 1}
        message = {**self._message(asked), "content": [], "stop_reason": None, "usage": usage}
        block = {"type": "text", "text": ""}
        return [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "ping"},
        ]

    def word(self, text: str) -> Any:
        delta = {"type": "text_delta", "text": text}
        return {"type": "content_block_delta", "index": 0, "delta": delta}

    def ending(self, asked: dict[str, Any]) -> list[Any]:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        return [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 30}},
            {"type": "message_stop"},
        ]

    def error(self, status: int) -> Any:
        return {"type": "error", "error": {"type": "api_error", "message": "no"}}

    def refusal(self, asked: dict[str, Any]) -> str:
        """It takes its own thinking only as it signed it, and wants it before the tools whose results it is given."""
        return blocks.refusal(asked)

    def _message(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"id": "msg_afar", "type": "message", "role": "assistant", "model": asked.get("model", "")}


PROTOCOLS: dict[str, OpenAI | Anthropic] = {"openai": OpenAI(), "anthropic": Anthropic()}
