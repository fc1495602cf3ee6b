"""What a runner is told while it runs: the chunk, the prompt cache. And what it says while it loads."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.messages import Configure, Loading, Ready, Sampling
from tests.runner.process import Runner, long_prompt, ready, started
from tests.tiny_encoder import make_tiny_encoder
from tests.tiny_model import make_tiny_model

ONE = Sampling(temperature=0, max_tokens=1)


@pytest.fixture(scope="module")
def own_runner(tiny_model: Path) -> Iterator[Runner]:
    with ready(tiny_model, "--prefill-chunk", "256") as runner:
        yield runner


def largest_step(runner: Runner) -> int:
    """Of a long prompt, the most tokens that one step read."""
    done = [prefill.done_tokens for prefill in runner.ask(long_prompt(), ONE).prefills]
    return max(after - before for before, after in itertools.pairwise(done))


def test_the_chunk_is_a_bound_that_can_be_moved(own_runner: Runner) -> None:
    assert largest_step(own_runner) <= 256
    own_runner.send(Configure(64, 2**30))
    assert largest_step(own_runner) <= 64
    own_runner.send(Configure(2048, 2**30))
    largest_step(own_runner)  # the machine shows how fast it is
    assert largest_step(own_runner) > 64


def test_a_smaller_prompt_cache_forgets_at_once_and_a_larger_one_keeps_again(own_runner: Runner) -> None:
    own_runner.ask("something to be kept " * 20)
    full = own_runner.stats_now()
    assert full.prompt_cache_bytes > 0
    own_runner.send(Configure(256, 0))
    empty = own_runner.stats_now()
    assert empty.prompt_cache_bytes == 0
    assert empty.memory_bytes <= full.memory_bytes - full.prompt_cache_bytes + 10_000
    own_runner.ask("something to be kept " * 20)
    assert own_runner.ask("something to be kept " * 20).done.cached_tokens == 0
    own_runner.send(Configure(256, 2**30))
    own_runner.ask("something to be kept " * 20)
    assert own_runner.ask("something to be kept " * 20).done.cached_tokens > 0


def test_a_row_that_is_read_takes_the_new_chunk_at_its_next_step(own_runner: Runner) -> None:
    own_runner.send(Configure(16, 2**30))
    row = own_runner.add(long_prompt(), ONE)
    own_runner.until(lambda: len(own_runner.answers[row].prefills) > 3)
    own_runner.send(Configure(2048, 2**30))
    done = [prefill.done_tokens for prefill in own_runner.wait(row).prefills]
    steps = [after - before for before, after in itertools.pairwise(done)]
    assert max(steps[:3]) <= 16 < max(steps)


def test_loading_says_how_much_is_in_memory(tmp_path: Path) -> None:
    folder = make_tiny_model(
        tmp_path / "large", feed_forward=100_000
    )  # 154 MB: two pieces of 64, and the rest
    with started(folder) as runner:
        said: list[Loading] = []
        while not said or not isinstance(said[-1], Ready):
            said += runner.receive()  # type: ignore[arg-type]
    *loading, _ = said
    total = loading[0].bytes_total
    assert total == (folder / "model.safetensors").stat().st_size
    assert {event.bytes_total for event in loading} == {total}
    done = [event.bytes_done for event in loading]
    assert done == sorted(set(done))
    assert (done[0], len(done)) == (0, 3)
    assert done[-1] > total / 2


def test_an_encoder_can_be_told_too(tmp_path: Path) -> None:
    with ready(make_tiny_encoder(tmp_path), "--kind", "embedding") as runner:
        runner.send(Configure(128, 0))
        assert runner.vectors(["still there"]).shape[0] == 1
