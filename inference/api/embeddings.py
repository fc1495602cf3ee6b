"""POST /v1/embeddings."""

import base64
import struct
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from msgspec import Meta, Struct

from inference import completion
from inference.api import body, prompts
from inference.api.head import Head
from inference.api.prompts import Prompts
from inference.api.sampling import MOST
from inference.arrival import Arrival
from inference.call import Call
from inference.chunk import Chunk
from inference.completion import Asked
from inference.messages import Embed, Vectors
from settings_app.endpoints import BY_KEY

ENDPOINT = BY_KEY["embeddings"]
MOST_INPUTS = 2048  # OpenAI's


class EmbeddingRequest(Struct, forbid_unknown_fields=True, kw_only=True):
    """A field that is not here is refused: none is taken and then ignored."""

    model: Annotated[str, Meta(min_length=1)]
    input: Prompts
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    timeout: Any = None
    user: str | None = None  # says nothing about the answer


async def create(request: HttpRequest, arrival: Arrival) -> HttpResponseBase:
    head = body.decode(request, Head)
    call = arrival.begin(request, ENDPOINT, head.model, head.timeout, streamed=False)
    asked = Asked("embedding", lambda: [_row(request, call)], lambda: body.for_provider(request))
    vectors: dict[int, bytes] = {}
    relayed: Any = None
    batches = completion.run(call, asked, arrival.settings)
    try:
        async for items in batches:
            for item in items:
                if isinstance(item, Vectors):
                    vectors.update(enumerate(item.values, item.first))
                elif isinstance(item, Chunk) and item.data is not None:
                    relayed = item.data
    finally:
        await batches.aclose()
    if relayed is not None:
        return body.json_response(relayed)
    asked_for = body.decode(request, EmbeddingRequest)
    encode = _base64 if asked_for.encoding_format == "base64" else _floats
    data = [
        {"object": "embedding", "index": index, "embedding": encode(vectors[index])}
        for index in sorted(vectors)
    ]
    usage = {"prompt_tokens": call.prompt_tokens, "total_tokens": call.prompt_tokens}
    return body.json_response({"object": "list", "data": data, "model": call.model, "usage": usage})


def _row(request: HttpRequest, call: Call) -> Embed:
    asked = body.decode(request, EmbeddingRequest)
    inputs = prompts.read(asked.input, "input", most=MOST_INPUTS)
    return Embed(call.id, call.deadline.at, inputs, asked.dimensions)


def _floats(vector: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(vector) // 4}f", vector))


def _base64(vector: bytes) -> str:
    """float32, little-endian: what the official client asks for, and unpacks, by default."""
    return base64.b64encode(vector).decode()
