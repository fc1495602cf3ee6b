"""The runners that are up, by model name. One load is shared by all who wait for it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from inference.local import Runner
from settings_app.snapshot import Model


@dataclass
class Pool:
    _runners: dict[str, tuple[Model, Runner]] = field(default_factory=dict)
    _retired: list[Runner] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def runner(self, model: Model) -> Runner:
        """The runner of `model`, started if there is none that lives. It may still be loading."""
        self._loop = asyncio.get_running_loop()
        async with self._starting:
            held = self._runners.get(model.name)
            if held and held[0] == model and held[1].alive:
                return held[1]
            runner = await Runner.start(model.name, model.folder, model.kind)
            self._runners[model.name] = (model, runner)
            self._retired = [retired for retired in self._retired if retired.alive]
            if held and held[1].alive:  # the name points to another folder now
                held[1].retire()
                self._retired.append(held[1])
            return runner

    def unload(self, name: str) -> bool:
        """Ends the runner of this name, if there is one. Returns False, and leaves it, while it has something to do."""
        runner = self.get(name)
        if runner is None:
            return True
        if runner.busy:
            return False
        del self._runners[name]
        self._retired.append(runner)
        self._loop.call_soon_threadsafe(runner.retire)
        return True

    def get(self, name: str) -> Runner | None:
        """The runner that lives under this name, if there is one."""
        held = self._runners.get(name)
        return held[1] if held and held[1].alive else None

    def __iter__(self) -> Iterator[Runner]:
        return (runner for _, runner in self._runners.values() if runner.alive)

    async def close(self) -> None:
        runners = [*self, *(runner for runner in self._retired if runner.alive)]
        await asyncio.gather(*(runner.close() for runner in runners))
        self._runners.clear()


pool = Pool()
