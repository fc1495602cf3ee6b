"""The memory that models share: who has room in it, who waits for some, and who goes."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from inference import estimate, eviction
from inference.errors import ApiError, InsufficientMemory
from inference.eviction import Holder, Limits
from inference.memory import no_room
from inference.messages import Ready
from inference.place import Place, State
from settings_app import pool_settings
from settings_app.sizes import size_text
from settings_app.snapshot import EMPTY, Model, Snapshot

log = logging.getLogger(__name__)


@dataclass
class Room:
    """`settings`: those in force. `failures`: why the last load of a model came to nothing, by its name.

    `learned`: what its runner said of a model as it was loaded, by what was loaded; it stays known when it has gone.

    Everything runs on the event loop.
    """

    settings: Snapshot = EMPTY
    failures: dict[str, ApiError] = field(default_factory=dict)
    learned: dict[Path, Ready] = field(default_factory=dict)
    _places: dict[str, Place] = field(default_factory=dict)  # by name: those that requests get
    _leaving: list[Place] = field(default_factory=list)  # they hold memory until their process has ended
    _queue: list[Place] = field(
        default_factory=list
    )  # of the places, those that wait for room, in their order
    _uses: Counter[str] = field(default_factory=Counter)  # requests since the start
    _to_settle: bool = False
    _was_over: bool = False

    def __iter__(self) -> Iterator[Place]:
        """All that are there, those that are leaving first."""
        return iter([*self._leaving, *self._places.values()])

    def standing(self) -> list[Place]:
        """Those that requests get."""
        return [place for place in self._places.values() if place.state is not State.STOPPING]

    def get(self, name: str) -> Place | None:
        """The place that a request for this name would get, if there is one."""
        place = self._places.get(name)
        return None if place is None or place.state is State.STOPPING else place

    def place(self, model: Model) -> Place:
        """The place of this model; if there is none it is made, and waits for room behind all others."""
        place = self.get(model.name)
        if place is None:
            self._clear_away()
            model = self.settings.models.get(model.name, model)
            place = Place(model, estimate.needed_bytes(model.folder, model.adapter), self._place_changed)
            self._places[model.name] = place
            self._queue.append(place)
        return place

    def count_use(self, name: str) -> None:
        self._uses[name] += 1

    def start_if_free(self, model: Model) -> None:
        """At the server's start nobody makes room for another: what does not fit is left, and said."""
        place = self.place(model)
        place.wanted = True
        self._queue.remove(place)
        if self._plan(place).now:
            self._start(place)
        else:
            log.warning("model %s is not loaded at start: there is no room", model.name)
            place.fail(no_room(place.name, place.needs_bytes, self._holders(), self.limits()))

    def retire(self, place: Place) -> None:
        """It goes as soon as nobody uses it; the next request for its model gets another place."""
        del self._places[place.name]
        self._leaving.append(place)
        if place in self._queue:
            self._queue.remove(place)
        place.retire()

    def move(self, place: Place, model: Model) -> None:
        """The model has another folder now."""
        if place.state is State.WAITING:
            place.model, place.needs_bytes = model, estimate.needed_bytes(model.folder, model.adapter)
        else:
            self.retire(place)

    def retire_unused(self) -> None:
        """Those go whose time to live is over."""
        now = time.monotonic()
        for place in list(self._places.values()):
            holder = self._holder(place)
            if holder.may_go and holder.expires <= now:
                log.info("model %s was not used for so long that it is unloaded", place.name)
                self.retire(place)

    def limits(self) -> Limits:
        pool = self.settings.pool
        return Limits(pool_settings.limit_bytes(pool), pool.max_models, pool.eviction_policy)

    def changed(self) -> None:
        """Whoever waits may get room, and limits may be passed: that is looked at once, when all has been said."""
        if not self._to_settle:
            self._to_settle = True
            asyncio.get_running_loop().call_soon(self.settle)

    def settle(self) -> None:
        """Lets in whoever can be let in, refuses who never can, and sees that the limits hold."""
        self._to_settle = False
        self._clear_away()
        self._refuse_who_will_never_fit()
        self._let_in()
        self._keep_limits()

    def forget_refusals(self) -> None:
        """What did not fit may fit now."""
        for name, failure in list(self.failures.items()):
            if isinstance(failure, InsufficientMemory):
                del self.failures[name]

    def clear(self) -> list[Place]:
        """Nobody is let in any more. Returns all that were there."""
        places = list(self)
        self._queue.clear()
        self._places.clear()
        self._leaving.clear()
        return places

    def _place_changed(self, place: Place) -> None:
        if (runner := place.loaded_runner) is not None and runner.ready is not None:
            self.failures.pop(place.name, None)
            self.learned[place.model.folder] = runner.ready
        elif place.failure is not None and not place.retired and place.ready_at is None:
            self.failures[place.name] = place.failure
        self.changed()

    def _clear_away(self) -> None:
        for place in [place for place in self._places.values() if place.state is State.STOPPING]:
            del self._places[place.name]
            self._leaving.append(place)
            if place in self._queue:
                self._queue.remove(place)
        self._leaving = [place for place in self._leaving if not place.gone]

    def _refuse_who_will_never_fit(self) -> None:
        for place in list(self._queue):
            if self._plan(place).never:
                self._queue.remove(place)
                place.fail(no_room(place.name, place.needs_bytes, self._holders(), self.limits()))

    def _let_in(self) -> None:
        """First come, first served: who comes later does not take the room that the first one waits for."""
        while self._queue:
            place = self._queue[0]
            plan = self._plan(place)
            for victim in plan.evict:
                log.info("model %s makes room for %s", victim.name, place.name)
                self.retire(self._places[victim.name])
            if not plan.now:
                return
            self._queue.remove(place)
            self._start(place)

    def _keep_limits(self) -> None:
        """What is loaded may have grown, or the limits have shrunk. One with a request in flight is left alone."""
        limits = self.limits()
        for victim in eviction.excess(self._holders(), limits):
            log.info("model %s is unloaded: models hold more than they may", victim.name)
            self.retire(self._places[victim.name])
        held = sum(holder.bytes for holder in self._holders() if not holder.leaving)
        if held > limits.bytes and not self._was_over:
            log.warning(
                "models hold %s of %s, and none that could be unloaded is idle",
                size_text(held),
                size_text(limits.bytes),
            )
        self._was_over = held > limits.bytes

    def _start(self, place: Place) -> None:
        self.failures.pop(place.name, None)
        place.start(self.settings.pool)

    def _plan(self, place: Place) -> eviction.Plan:
        return eviction.plan(place.needs_bytes, self._holders(), self.limits())

    def _holders(self) -> list[Holder]:
        there = [place for place in self if place.state is not State.WAITING and not place.gone]
        return [self._holder(place) for place in there]

    def _holder(self, place: Place) -> Holder:
        model = self.settings.models.get(place.name, place.model)
        minutes = self.settings.pool.idle_minutes if model.idle_minutes is None else model.idle_minutes
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
