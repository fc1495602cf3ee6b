"""The story of a request: its targets are asked in their order, within the deadline, and it ends in one log row."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from inference import generation, relay, running
from inference.call import Call, Outcome
from inference.cloud.ask import Ask, ask
from inference.deadline import DeadlinePassed, bounded
from inference.errors import OUR_FAULT, ApiError, Draining, InternalError, InvalidRequest, ModelNotFound
from inference.generation import Rows
from inference.inbox import Item
from inference.patience import Patience
from inference.request_log import request_log
from inference.routing import Target
from settings_app.snapshot import Model, Snapshot

_DOES_NOT = {
    "text": ("model_does_not_embed", "makes text, not embeddings. Ask an embedding model."),
    "embedding": ("model_does_not_generate", "makes embeddings, not text. Ask a text model."),
}

Batches = AsyncGenerator[list[Item], None]


@dataclass(frozen=True)
class Asked:
    """What was asked, for whichever target gets it.

    `kind` of model: text or embedding. `rows`: what a runner is sent; raises InvalidRequest for what no local model can
    do. `body`: what a provider is sent, less `model`; a new dictionary each time. `ask`: how it is sent that.
    """

    kind: str
    rows: Callable[[], Rows]
    body: Callable[[], dict[str, Any]]
    ask: Ask = ask


async def run(call: Call, asked: Asked, settings: Snapshot) -> Batches:
    """What the request's target says of it, up to its end. Raises ApiError.

    However it ends (done, deadline, failure, or closed because the client left), what is left of the work is dropped
    and the request goes into the log.
    """
    running.begin(call)
    call.begun = True
    try:
        request_log.began(call)
        async with aclosing(bounded(_targets(call, asked, settings), call.deadline)) as batches:
            async for items in batches:
                if items:
                    yield items
        call.end(Outcome("ok", 200, finish_reason=call.finish_reason))
    except DeadlinePassed:
        error = call.deadline_exceeded()
        call.failed(error)
        raise error from None
    except ApiError as error:
        call.failed(error)
        raise
    except (GeneratorExit, asyncio.CancelledError):
        call.left()
        raise
    except Exception:
        call.failed(InternalError(OUR_FAULT))
        raise
    finally:
        running.end(call)
        request_log.ended(call)


async def _targets(call: Call, asked: Asked, settings: Snapshot) -> Batches:
    """The first target's answer, or that of the first fallback whose cause is what went wrong before its first token.

    Also yields nothing, when the deadline has moved.
    """
    if running.is_draining():
        raise Draining
    left = list(call.decision.targets)
    cause, failure = "", None
    while left:
        target = left.pop(0)
        call.turn_to(target)
        try:
            async with aclosing(_answer(call, asked, target, left, settings)) as batches:
                yield []  # the target may have a limit of its own
                async for items in batches:
                    yield items
            return
        except (ApiError, DeadlinePassed) as error:
            if failure is None or not isinstance(error, InvalidRequest):
                cause, failure = _cause(error), error
            # else: a fallback that cannot take such a request is passed over as if it were not there
            while left and cause not in left[0].causes:
                left.pop(0)
            if not left or call.first_token is not None or call.deadline.remaining() <= 0:
                raise failure from None
            call.fell_back.append(f"{target.backend} {target.model}: {_words(error)}")


def _answer(call: Call, asked: Asked, target: Target, later: list[Target], settings: Snapshot) -> Batches:
    """One target's answer; with a fallback for the case, it has only so long to begin."""
    if target.provider is not None:
        call.deadline.limit_to_model(None)
        batches = relay.events(call, target.provider, target.model, asked.body(), asked.ask)
    else:
        rows = asked.rows()
        model = _local(target.model, asked.kind, settings)
        call.deadline.limit_to_model(model.deadline_seconds)
        batches = generation.events(call, model, rows, settings)
    next_in_time = next((fallback for fallback in later if "timeout" in fallback.causes), None)
    if next_in_time is None:
        return batches
    return bounded(batches, Patience(call, next_in_time.after_seconds))


def _local(name: str, kind: str, settings: Snapshot) -> Model:
    """Raises ModelNotFound as OpenAI does, and InvalidRequest if the model is not of this kind."""
    model = settings.models.get(name)
    if model is None:
        raise ModelNotFound(name, settings.models)
    if model.kind != kind:
        code, does_not = _DOES_NOT[model.kind]
        raise InvalidRequest(f"{name} {does_not}", code=code, param="model")
    return model


def _cause(error: ApiError | DeadlinePassed) -> str:
    """For which fallbacks a failure makes way."""
    return error.cause if isinstance(error, ApiError) else "timeout"


def _words(error: ApiError | DeadlinePassed) -> str:
    """The failure in a few words."""
    return (
        f"{error.status} {error.log_code or error.type}"
        if isinstance(error, ApiError)
        else "did not begin in time"
    )
