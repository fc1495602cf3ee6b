"""The loop of a runner: take commands → step the batch once → send what came out. One thread, no locks."""

import gc
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from inference.messages import (
    ENDS,
    Abort,
    Add,
    Configure,
    Embed,
    Event,
    LoadFailed,
    Loading,
    Ready,
    SetDeadline,
    Stats,
    Stop,
)
from inference.runner import model_folder
from inference.runner.channel import Channel
from inference.runner.options import Options, Progress

if TYPE_CHECKING:
    from inference.runner.row import Reason  # its file imports mlx

logger = logging.getLogger(__name__)

STATS_SECONDS = 1.0


class Model(Protocol):
    """What the loop asks of a model: TextModel, EmbeddingModel. Nothing of it may take longer than a step."""

    @property
    def busy(self) -> bool:
        """Whether there is a row: the loop goes on stepping."""

    def ready(self) -> Ready: ...

    def add(self, command: Add | Embed) -> list[Event]:
        """Take a request in, or answer it with Refused."""

    def set_deadline(self, id: str, deadline: float) -> None: ...

    def configure(self, prefill_chunk: int, prompt_cache_bytes: int) -> None:
        """From the next step on."""

    def drop(self, id: str, reason: "Reason", since: float) -> list[Event]:
        """Take a row out, wherever it is; `since`: when it was to be gone. An unknown id is nothing."""

    def drop_expired(self) -> list[Event]: ...

    def admit(self) -> list[Event]:
        """Give free places to rows that wait, or refuse them. Sent before the step, which may take long."""

    def step(self) -> list[Event]: ...

    def stats(self) -> Stats: ...


def serve(channel: Channel, folder: Path, options: Options) -> int:
    """Load the model and answer for it until told to stop. The process's exit code: 0 after Stop."""
    total = model_folder.weight_bytes(folder, options.adapter)
    channel.send([Loading(total)])
    model = _load(channel, folder, options, lambda share: channel.send([Loading(total, int(total * share))]))
    if model is None:
        return 1
    gc.freeze()  # what is there now stays: to look through it took 34 ms, in which every row stood still
    try:
        _run(channel, model)
    except Exception:
        # What the step left behind cannot be trusted. The server sees the process end and answers for it.
        logger.exception("a step failed; the runner ends")
        return 1
    return 0


def _load(channel: Channel, folder: Path, options: Options, progress: Progress) -> Model | None:
    try:
        model_folder.check(folder)
        if options.adapter is not None:
            model_folder.check_adapter(options.adapter)
        model = _model(folder, options, progress)
    except Exception as error:
        logger.exception("cannot load %s", folder)
        channel.send([LoadFailed(str(model_folder.cannot_load(folder, error)))])
        return None
    channel.send([model.ready()])
    return model


def _model(folder: Path, options: Options, progress: Progress) -> Model:
    # Imported here, not above: mlx_lm takes 2 s to import, and what is known before is said before. And loading
    # first of all: it puts OpenBLAS in front of mlx, which has to happen before anything imports that.
    from inference.runner.loading import load

    if options.kind == "embedding":
        from inference.runner.embed import EmbeddingModel

        return EmbeddingModel(folder, progress)
    from inference.runner.text import TextModel

    return TextModel(load(folder, progress, options.adapter), options)


def _run(channel: Channel, model: Model) -> None:
    looked = told = time.monotonic()
    while True:
        if not model.busy:
            channel.wait()
            looked = time.monotonic()
        commands = channel.receive()
        events: list[Event] = []
        for command in commands:
            if isinstance(command, Stop):
                return
            events += _apply(model, command, since=looked)
        looked = time.monotonic()
        events += model.drop_expired()
        # Before the step, which may take long: who waits learns that a row left the queue when it does.
        events += model.admit()
        channel.send(events)
        stepped = model.step()
        rows_went = any(isinstance(event, ENDS) for event in events + stepped)
        if commands or rows_went or looked - told >= STATS_SECONDS:
            stepped.append(model.stats())
            told = looked
        channel.send(stepped)


def _apply(
    model: Model, command: Add | Embed | Abort | SetDeadline | Configure, *, since: float
) -> list[Event]:
    """`since`: when the socket was last looked at, so the earliest moment the command can have arrived."""
    match command:
        case Add() | Embed():
            return model.add(command)
        case Abort():
            return model.drop(command.id, "aborted", since)
        case SetDeadline():
            model.set_deadline(command.id, command.deadline)
        case Configure():
            model.configure(command.prefill_chunk, command.prompt_cache_bytes)
    return []
