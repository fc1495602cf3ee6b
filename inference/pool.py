"""The models that are loaded, or are to be: who gets room, who has to wait for it, and who goes.

Everything runs on the event loop; `load`, `unload` and `states` may be called from other threads.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from inference import estimate, eviction
from inference.errors import Draining, ModelNotFound
from inference.eviction import Holder, Limits
from inference.inbox import Inbox
from inference.local import Runner
from inference.memory import no_room
from inference.place import Place, State
from inference.place_state import PlaceState, state_of
from inference.process import prompt_cache_bytes
from settings_app import pool_settings, stored
from settings_app.snapshot import EMPTY, Model, Snapshot

log = logging.getLogger(__name__)
T = TypeVar("T")

ANSWER_SECONDS = 10.0  # in which the event loop has to answer another thread


@dataclass
class Pool:
    _settings: Snapshot = EMPTY
    _places: dict[str, Place] = field(default_factory=dict)  # by name: those that requests get
    _leaving: list[Place] = field(default_factory=list)  # they hold memory until their process has ended
    _queue: list[Place] = field(
        default_factory=list
    )  # of `_places`, those that wait for room, the first first
    _failures: dict[str, str] = field(default_factory=dict)  # why the last load of a model came to nothing
    _uses: Counter[str] = field(default_factory=Counter)  # requests since the start
    _loop: asyncio.AbstractEventLoop | None = None
    _settling: bool = False
    _over: bool = False

    def open(self, settings: Snapshot) -> None:
        """The server is up: what is to be loaded at start begins to load, as far as there is room."""
        self._loop = asyncio.get_running_loop()
        self.apply(settings)
        for model in settings.models.values():
            if model.preload and model.name not in self._places:
                self._preload(model)

    @property
    def is_open(self) -> bool:
        return self._loop is not None

    def apply(self, settings: Snapshot) -> None:
        """What is stored now is in force: limits, pins, what runners are told. Costs next to nothing if it was so."""
        before, self._settings = self._settings, settings
        if settings.models is not before.models:
            for place in list(self._places.values()):
                self._compare(place)
            self._changed()
        if settings.pool != before.pool:
            if _told(settings) != _told(before):
                for place in self._places.values():
                    self._configure(place)
            self._changed()

    def join(self, model: Model, inbox: Inbox) -> Place:
        """A request gets the place of the model it is for, made if there is none; it has to `leave` it.

        The inbox is woken when the place's state is another one, and fails if there will be no room for it.
        """
        self.apply(stored.latest())  # the request's own may be older than what is in force already
        place = self._place(model)
        self._uses[model.name] += 1
        place.join(inbox)
        self._changed()
        return place

    def get(self, name: str) -> Place | None:
        """The place that a request for this name would get, if there is one."""
        return self._places.get(name)

    def __iter__(self) -> Iterator[Runner]:
        """All runners whose process lives."""
        places = (*self._places.values(), *self._leaving)
        return (place.runner for place in places if place.runner is not None and not place.runner.ended)

    def load(self, name: str) -> None:
        """Begins to load the model, and returns. From any thread. Raises what a request would get."""
        settings = stored.load()
        if name not in settings.models:
            raise ModelNotFound(name, settings.models)
        self._on_loop(lambda: self._load(settings.models[name], settings))

    def unload(self, name: str) -> bool:
        """Ends the runner of this name, if there is one. From any thread.

        Returns False, and leaves it, while it has something to do.
        """
        return self._on_loop(lambda: self._unload(name)) if self._loop is not None else True

    def states(self) -> list[PlaceState]:
        """All models that are loaded, are to be, or could not be, by name. From any thread."""
        return self._on_loop(self._states) if self._loop is not None else []

    def limits(self) -> Limits:
        stored_pool = self._settings.pool
        return Limits(
            pool_settings.limit_bytes(stored_pool), stored_pool.max_models, stored_pool.eviction_policy
        )

    def unload_idle(self) -> None:
        """Unloads those whose time to live is over."""
        now = time.monotonic()
        for place in list(self._places.values()):
            holder = self._holder(place)
            if holder.may_go and holder.expires <= now:
                log.info("model %s was not used for so long that it is unloaded", place.name)
                self._retire(place)

    async def close(self) -> None:
        self._loop = None
        places = [*self._places.values(), *self._leaving]
        self._queue.clear()
        await asyncio.gather(*(place.close() for place in places))
        self._places.clear()
        self._leaving.clear()

    def _on_loop(self, ask: Callable[[], T]) -> T:
        """What `ask` returns or raises on the event loop."""
        if self._loop is None:
            raise Draining

        async def answer() -> T:
            return ask()

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result(ANSWER_SECONDS)

    def _place(self, model: Model) -> Place:
        place = self._places.get(model.name)
        if place is None or place.state is State.STOPPING:
            self._clear_away()
            model = self._settings.models.get(model.name, model)
            place = Place(model, estimate.needed_bytes(model.folder), self._place_changed)
            self._places[model.name] = place
            self._queue.append(place)
        return place

    def _preload(self, model: Model) -> None:
        """At start nobody makes room for another: what does not fit is left, and said."""
        place = self._place(model)
        place.wanted = True
        self._queue.remove(place)
        plan = eviction.plan(place.needs_bytes, self._holders(), self.limits())
        if plan.now:
            self._start(place)
        else:
            log.warning("model %s is not loaded at start: there is no room", model.name)
            place.fail(no_room(place.name, place.needs_bytes, self._holders(), self.limits()))

    def _load(self, model: Model, settings: Snapshot) -> None:
        self.apply(settings)
        place = self._place(model)
        place.wanted = True
        place.touch()
        self._settle()
        if place.failure is not None:
            raise place.failure

    def _unload(self, name: str) -> bool:
        self._failures.pop(name, None)
        place = self._places.get(name)
        if place is None:
            return True
        if place.busy:
            return False
        log.info("model %s is unloaded, as it was asked for", name)
        self._retire(place)
        return True

    def _compare(self, place: Place) -> None:
        """A model that was deleted, or has another folder now, goes when those who use it have ended."""
        model = self._settings.models.get(place.name)
        if model is not None and (model.folder, model.kind) == (place.model.folder, place.model.kind):
            place.model = model
        elif place.state is not State.WAITING:
            self._retire(place)
        elif model is None:
            place.fail(ModelNotFound(place.name, self._settings.models))
        else:
            place.model, place.needs_bytes = model, estimate.needed_bytes(model.folder)

    def _configure(self, place: Place) -> None:
        if place.runner is not None and place.model.kind == "text":
            stored_pool = self._settings.pool
            place.runner.configure(stored_pool.prefill_chunk, prompt_cache_bytes(stored_pool))

    def _place_changed(self, place: Place) -> None:
        if place.failure is not None and not place.retired and place.ready_at is None:
            self._failures[place.name] = place.failure.message
        if place.loaded:
            self._failures.pop(place.name, None)
        self._changed()

    def _changed(self) -> None:
        """Whoever waits may get room, and limits may be passed: that is looked at once, when all has been said."""
        if not self._settling:
            self._settling = True
            asyncio.get_running_loop().call_soon(self._settle)

    def _settle(self) -> None:
        self._settling = False
        self._clear_away()
        self._refuse_who_will_never_fit()
        self._let_in()
        self._keep_limits()

    def _clear_away(self) -> None:
        for place in [place for place in self._places.values() if place.state is State.STOPPING]:
            del self._places[place.name]
            self._leaving.append(place)
            if place in self._queue:
                self._queue.remove(place)
        self._leaving = [place for place in self._leaving if not place.gone]

    def _refuse_who_will_never_fit(self) -> None:
        for place in list(self._queue):
            if eviction.plan(place.needs_bytes, self._holders(), self.limits()).never:
                self._queue.remove(place)
                place.fail(no_room(place.name, place.needs_bytes, self._holders(), self.limits()))

    def _let_in(self) -> None:
        """First come, first served: who comes later does not take the room that the first one waits for."""
        while self._queue:
            place = self._queue[0]
            plan = eviction.plan(place.needs_bytes, self._holders(), self.limits())
            for victim in plan.evict:
                log.info("model %s makes room for %s", victim.name, place.name)
                self._retire(self._places[victim.name])
            if not plan.now:
                return
            self._queue.remove(place)
            self._start(place)

    def _keep_limits(self) -> None:
        """What is loaded may have grown, or the limits have shrunk. One with a request in flight is left alone."""
        limits = self.limits()
        for victim in eviction.excess(self._holders(), limits):
            log.info("model %s is unloaded: models hold more than they may", victim.name)
            self._retire(self._places[victim.name])
        over = self.over_bytes() > 0
        if over and not self._over:
            held = sum(holder.bytes for holder in self._holders())
            log.warning(
                "models hold %d MB of %d MB, and none that could be unloaded is idle",
                held // 1_000_000,
                limits.bytes // 1_000_000,
            )
        self._over = over

    def over_bytes(self) -> int:
        """How much more than they may the models hold that are not on their way out."""
        held = sum(holder.bytes for holder in self._holders() if not holder.leaving)
        return max(0, held - self.limits().bytes)

    def _start(self, place: Place) -> None:
        self._failures.pop(place.name, None)
        place.start(self._settings.pool)

    def _retire(self, place: Place) -> None:
        del self._places[place.name]
        self._leaving.append(place)
        if place in self._queue:
            self._queue.remove(place)
        place.retire()

    def _holders(self) -> list[Holder]:
        places = (*self._places.values(), *self._leaving)
        return [
            self._holder(place) for place in places if place.state is not State.WAITING and not place.gone
        ]

    def _holder(self, place: Place) -> Holder:
        model = self._settings.models.get(place.name, place.model)
        minutes = self._settings.pool.idle_minutes if model.idle_minutes is None else model.idle_minutes
        return Holder(
            place.name,
            place.held_bytes,
            busy=place.busy or place.state is not State.READY,
            pinned=model.pinned,
            leaving=place.state is State.STOPPING,
            last_used=place.last_used,
            uses=self._uses[place.name],
            expires=place.last_used + minutes * 60 if minutes else float("inf"),
        )

    def _states(self) -> list[PlaceState]:
        found = {name: PlaceState(name, "failed", error=error) for name, error in self._failures.items()}
        for place in (*self._leaving, *self._places.values()):
            found[place.name] = state_of(place, self._failures.get(place.name, ""))
        return [found[name] for name in sorted(found)]


def _told(settings: Snapshot) -> tuple[int, float]:
    """What runners are told of the settings."""
    return settings.pool.prefill_chunk, settings.pool.prompt_cache_gb


pool = Pool()
