"""GET /v1/openapi.json: what /v1 takes and answers, made of the very structs that bodies are decoded into."""

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from msgspec import Struct

from inference.api import answers, body, chat, completions, embeddings, envelope, models
from inference.api.messages import models as anthropic_models
from inference.api.messages.request import CountRequest, MessagesRequest
from inference.api.responses.request import InputTokensRequest, ResponsesRequest
from inference.arrival import Arrival

PATH = "/v1/openapi.json"
ABOUT = (
    "OpenAI's API to the models of this server. The fields are those that models of this machine take; another one is "
    "refused. For a model at a cloud provider the body goes there as it came. From other machines an API key is "
    "needed, as bearer. The settings have an API of their own, /api/docs."
)
EVENT = {
    "type": "object",
    "description": "With `stream: true`: server-sent events, each with JSON in the form that the API has; OpenAI's "
    "chats and completions end with `[DONE]`.",
    "properties": {"data": {"type": "string"}},
    "required": ["data"],
}
ASKING = (400, 401, 403, 500)
MAKING = (*ASKING, 404, 408, 410, 413, 429, 502, 503, 504)
REASONS = {
    400: "The body, or what it asks of this model, cannot be taken.",
    401: "The API key is wrong, or there is none.",
    403: "A web page of another origin asked.",
    404: "There is no such model.",
    408: "The body did not arrive in time.",
    410: "The operator cancelled the request.",
    413: "The body is too large.",
    429: "The queue is full; Retry-After says for how long.",
    500: "The server failed; its log has the reason.",
    502: "The provider failed.",
    503: "The model cannot be served now; the code says why.",
    504: "The deadline passed before the answer began.",
}


NAME = {"name": "model", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
VERSION = {
    "name": envelope.VERSION,
    "in": "header",
    "schema": {"type": "string"},
    "description": "Whoever sends it is answered in Anthropic's shape, whatever it says.",
}
PAGING = tuple(
    {"name": name, "in": "query", "schema": schema, "description": f"With {envelope.VERSION} alone."}
    for name, schema in (
        ("limit", {"type": "integer", "minimum": 1, "maximum": anthropic_models.MOST}),
        ("after_id", {"type": "string"}),
        ("before_id", {"type": "string"}),
    )
)


@dataclass(frozen=True)
class Operation:
    """`takes`: the struct that the body is decoded into; None: no body. `error`: in which envelope it refuses.
    `anthropics`: what it answers to who speaks Anthropic's API, and `parameters`, which are heeded then.
    """

    method: str
    path: str
    summary: str
    answer: type[Struct]
    takes: type[Struct] | None = None
    streams: bool = False
    refuses: tuple[int, ...] = MAKING
    error: type[Struct] = answers.ErrorEnvelope
    anthropics: type[Struct] | None = None
    parameters: tuple[dict[str, Any], ...] = ()

    @property
    def structs(self) -> list[type[Struct]]:
        wanted = (*self.shapes, *self.errors, self.takes)
        return [struct for struct in wanted if struct is not None]

    @property
    def shapes(self) -> list[type[Struct]]:
        return [self.answer, *([self.anthropics] if self.anthropics else [])]

    @property
    def errors(self) -> list[type[Struct]]:
        return [self.error, *([answers.AnthropicError] if self.anthropics else [])]


OPERATIONS = (
    Operation("POST", "/v1/chat/completions", "Chat", answers.ChatCompletion, chat.ChatRequest, streams=True),
    Operation(
        "POST",
        "/v1/responses",
        "Chat, as OpenAI's Responses API has it",
        answers.Response,
        ResponsesRequest,
        streams=True,
    ),
    Operation(
        "POST",
        "/v1/responses/input_tokens",
        "How many tokens a chat would be, as OpenAI's Responses API has it",
        answers.InputTokens,
        InputTokensRequest,
    ),
    Operation(
        "POST",
        "/v1/messages",
        "Chat, as Anthropic's Messages API has it",
        answers.AnthropicMessage,
        MessagesRequest,
        streams=True,
        error=answers.AnthropicError,
    ),
    Operation(
        "POST",
        "/v1/messages/count_tokens",
        "How many tokens a chat would be, as Anthropic's Messages API has it",
        answers.TokenCount,
        CountRequest,
        error=answers.AnthropicError,
    ),
    Operation(
        "POST",
        "/v1/completions",
        "Continue texts",
        answers.TextCompletion,
        completions.CompletionRequest,
        streams=True,
    ),
    Operation("POST", "/v1/embeddings", "Embed texts", answers.Embeddings, embeddings.EmbeddingRequest),
    Operation(
        "GET",
        "/v1/models",
        "What can be asked for",
        models.ModelList,
        refuses=ASKING,
        anthropics=anthropic_models.ModelPage,
        parameters=PAGING,
    ),
    Operation(
        "GET",
        "/v1/models/{model}",
        "One model",
        models.ModelOut,
        refuses=(*ASKING, 404, 503),
        anthropics=anthropic_models.ModelInfo,
    ),
)
"""A path of `front.ROUTES` gets into the document by its line here; a test asks for it."""


async def show(request: HttpRequest, arrival: Arrival) -> HttpResponse:
    return body.json_response(document())


@cache
def document() -> dict[str, Any]:
    structs = list(dict.fromkeys(struct for operation in OPERATIONS for struct in operation.structs))
    references, components = msgspec.json.schema_components(
        structs, ref_template="#/components/schemas/{name}"
    )
    schema = dict(zip(structs, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, schema)
    return {
        "openapi": "3.1.0",
        "info": {"title": "MLX Manager, /v1", "version": settings.VERSION, "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _described(operation: Operation, schema: dict[type[Struct], Any]) -> dict[str, Any]:
    answer = {"application/json": {"schema": _any_of(schema, operation.shapes)}}
    if operation.streams:
        answer["text/event-stream"] = {"schema": EVENT}
    error = {"application/json": {"schema": _any_of(schema, operation.errors)}}
    refused = {
        str(status): {"description": REASONS[status], "content": error}
        for status in sorted(operation.refuses)
    }
    described: dict[str, Any] = {
        "summary": operation.summary,
        "responses": {"200": {"description": HTTPStatus.OK.phrase, "content": answer}, **refused},
    }
    if operation.takes is not None:
        taken = {"application/json": {"schema": schema[operation.takes]}}
        described["requestBody"] = {"required": True, "content": taken}
        described["responses"]["default"] = {
            "description": "What a cloud provider refused, with its status.",
            "content": error,
        }
    named = [NAME] if "{model}" in operation.path else []
    version = [VERSION] if operation.anthropics else []
    if parameters := [*named, *version, *operation.parameters]:
        described["parameters"] = parameters
    return described


def _any_of(schema: dict[type[Struct], Any], structs: list[type[Struct]]) -> Any:
    found = [schema[struct] for struct in structs]
    return found[0] if len(found) == 1 else {"anyOf": found}
