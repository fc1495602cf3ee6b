"""The models that are loaded, or are to be, under the settings that are in force.

Everything runs on the event loop; `load`, `unload` and `states` may be called from other threads.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from inference.errors import Busy, Draining, ModelNotFound
from inference.inbox import Inbox
from inference.local import Runner
from inference.messages import Ready
from inference.place import Place
from inference.place_state import PlaceState, state_of
from inference.room import Room
from settings_app import stored
from settings_app.snapshot import Model, Snapshot

log = logging.getLogger(__name__)
T = TypeVar("T")

ANSWER_SECONDS = 10.0  # in which the event loop has to answer another thread


class Pool:
    def __init__(self) -> None:
        self._room = Room()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_open(self) -> bool:
        return self._loop is not None

    def open(self, settings: Snapshot) -> None:
        """The server is up: what is to be loaded at start begins to load, as far as there is room."""
        self._loop = asyncio.get_running_loop()
        self.apply(settings)
        for model in settings.models.values():
            if model.preload and self._room.get(model.name) is None:
                self._preload(model)

    def apply(self, settings: Snapshot) -> None:
        """What is stored now is in force: limits, pins, what runners are told. Costs next to nothing if it was so."""
        before, self._room.settings = self._room.settings, settings
        if settings.models is not before.models:
            self._look_at_models()
        if _told(settings) != _told(before):
            self._tell_runners()
        if settings.models is not before.models or settings.pool != before.pool:
            self._room.forget_refusals()
            self._room.changed()

    def join(self, model: Model, inbox: Inbox) -> Place:
        """A request gets the place of the model it is for, made if there is none; it has to `leave` it.

        The inbox is woken when the place's state is another one, and fails if there will be no room for it.
        """
        self.apply(stored.latest())  # the request's own may be older than what is in force already
        place = self._room.place(model)
        self._room.count_use(model.name)
        place.join(inbox)
        if not place.started:
            self._room.changed()
        return place

    def get(self, name: str) -> Place | None:
        """The place that a request for this name would get, if there is one."""
        return self._room.get(name)

    def __iter__(self) -> Iterator[Runner]:
        """All runners whose process lives."""
        return (place.runner for place in self._room if place.runner is not None and not place.runner.ended)

    def learned(self, model: Model) -> Ready | None:
        """What its runner said of the model as it was loaded last; None if it was not since the server's start."""
        return self._room.learned.get(model.folder)

    def unload_unused(self) -> None:
        """Unloads those whose time to live is over."""
        self._room.retire_unused()

    def load(self, name: str) -> None:
        """Begins to load the model, and returns. From any thread. Raises what a request would get.

        If there is room only when a busy model has become idle, it waits for that like a request, without an end.
        """
        settings = stored.load()
        if name not in settings.models:
            raise ModelNotFound(name, settings.models)
        self.on_loop(lambda: self._load(settings.models[name], settings))

    def unload(self, name: str) -> bool:
        """Ends the runner of this name, if there is one; also one that loads. From any thread.

        Returns False, and leaves it, while it has something to do.
        """
        return self.on_loop(lambda: self._unload(name)) if self._loop is not None else True

    def states(self) -> list[PlaceState]:
        """All models that are loaded, are to be, or could not be, by name. From any thread."""
        return self.on_loop(self._states) if self._loop is not None else []

    async def close(self) -> None:
        self._loop = None
        closing = (place.close() for place in self._room.clear())
        for failed in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(failed, Exception):
                log.error("a model's process could not be ended in order", exc_info=failed)

    def on_loop(self, ask: Callable[[], T]) -> T:
        """What `ask` returns or raises on the event loop. From any other thread.

        Raises Draining without a loop, and Busy if that does not come to it in time.
        """
        if self._loop is None:
            raise Draining

        answered: Future[T] = Future()

        def answer() -> None:
            if answered.set_running_or_notify_cancel():  # else nobody waits for it any more
                try:
                    answered.set_result(ask())
                except BaseException as error:
                    answered.set_exception(error)

        self._loop.call_soon_threadsafe(answer)
        try:
            return answered.result(ANSWER_SECONDS)
        except TimeoutError:
            if answered.cancel():  # it does not happen later, when somebody may have asked again
                raise Busy from None
            return answered.result()

    def _preload(self, model: Model) -> None:
        try:
            self._room.start_if_free(model)
        except Exception:  # one that cannot be loaded keeps no other from it
            log.exception("model %s could not be loaded at start", model.name)

    def _load(self, model: Model, settings: Snapshot) -> None:
        self.apply(settings)
        place = self._room.place(model)
        place.wanted = True
        place.touch()
        self._room.settle()
        if place.failure is not None:
            raise place.failure

    def _unload(self, name: str) -> bool:
        place = self._room.get(name)
        if place is not None and place.busy:
            return False
        self._room.failures.pop(name, None)
        if place is not None:
            log.info("model %s is unloaded, as it was asked for", name)
            self._room.retire(place)
        return True

    def _states(self) -> list[PlaceState]:
        failures = self._room.failures
        found = {name: PlaceState(name, "failed", error=error.message) for name, error in failures.items()}
        for place in self._room:
            found[place.name] = state_of(place, failures.get(place.name))
        return [found[name] for name in sorted(found)]

    def _look_at_models(self) -> None:
        """One that was deleted, or has another folder or adapter now, goes when those who use it have ended."""
        models = self._room.settings.models
        for place in self._room.standing():
            model = models.get(place.name)
            if model is None and place.started:
                self._room.retire(place)
            elif model is None:
                place.fail(ModelNotFound(place.name, models))
            elif model.loaded_from != place.model.loaded_from:
                self._room.move(place, model)
        for name in set(self._room.failures) - set(models):
            del self._room.failures[name]

    def _tell_runners(self) -> None:
        for place in self._room:
            if place.started:
                place.configure(self._room.settings.pool)


def _told(settings: Snapshot) -> tuple[int, float]:
    """What runners are told of the settings."""
    return settings.pool.prefill_chunk, settings.pool.prompt_cache_gb


pool = Pool()
