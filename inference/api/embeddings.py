"""POST /v1/embeddings."""

import base64
import struct
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from msgspec import Meta, Struct

from inference import completion
from inference.api import body, prompts
from inference.arrival import Arrival
from inference.messages import Embed, Vectors
from settings_app.endpoints import BY_KEY

ENDPOINT = BY_KEY["embeddings"]
MOST_INPUTS = 2048  # OpenAI's


class EmbeddingRequest(Struct, forbid_unknown_fields=True, kw_only=True):
    """A field that is not here is refused: none is taken and then ignored."""

    model: Annotated[str, Meta(min_length=1)]
    input: Any
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    timeout: Any = None
    user: str | None = None  # says nothing about the answer


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    asked = body.decode(request, EmbeddingRequest)
    inputs = prompts.read(asked.input, "input", most=MOST_INPUTS)
    model = arrival.model(asked.model, "embedding")
    call = arrival.begin(request, ENDPOINT, model, asked.timeout, streamed=False)
    row = Embed(call.id, call.deadline.at, inputs, asked.dimensions)
    vectors: list[bytes] = [b""] * len(inputs)
    batches = completion.run(call, model, [row], arrival.settings.serving)
    try:
        async for events in batches:
            for event in events:
                if isinstance(event, Vectors):
                    vectors[event.first : event.first + len(event.values)] = event.values
    finally:
        await batches.aclose()
    encode = _floats if asked.encoding_format == "float" or asked.encoding_format is None else _base64
    data = [
        {"object": "embedding", "index": index, "embedding": encode(vector)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": call.prompt_tokens, "total_tokens": call.prompt_tokens}
    return body.json_response({"object": "list", "data": data, "model": model.name, "usage": usage})


def _floats(vector: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(vector) // 4}f", vector))


def _base64(vector: bytes) -> str:
    """float32, little-endian: what the official client asks for, and unpacks, by default."""
    return base64.b64encode(vector).decode()
