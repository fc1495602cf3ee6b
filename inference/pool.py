"""The runners that are up, by model name. One load is shared by all who wait for it."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from inference.local import Runner


@dataclass
class Pool:
    _runners: dict[str, tuple[Path, Runner]] = field(default_factory=dict)
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _retiring: set[asyncio.Task[None]] = field(default_factory=set)

    async def runner(self, name: str, folder: Path) -> Runner:
        """The runner of the model in `folder`, started if there is none that lives. It may still be loading."""
        async with self._starting:
            held = self._runners.get(name)
            if held and held[0] == folder and held[1].alive:
                return held[1]
            runner = await Runner.start(name, folder)
            self._runners[name] = (folder, runner)
        if held and held[1].alive:  # the name points to another folder now
            self._retire(held[1])
        return runner

    def _retire(self, runner: Runner) -> None:
        task = asyncio.create_task(runner.retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*(runner.close() for _, runner in self._runners.values() if runner.alive))
        self._runners.clear()


pool = Pool()
