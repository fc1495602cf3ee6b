"""What was computed for a prompt is there when it comes again."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlx_lm.models.cache import ArraysCache, KVCache

from inference.messages import Sampling, TextPrompt
from inference.runner.prompt_cache import LayerCaches, PromptCache
from tests.runner.process import SMALL_CHUNKS, Answer, Runner, long_prompt, ready
from tests.tiny_model import make_tiny_model

LONG = Sampling(temperature=0, max_tokens=30)
SEEDED = Sampling(temperature=1, top_p=0.95, seed=3, max_tokens=30)
ENDLESS = Sampling(temperature=0)


@pytest.fixture(scope="module")
def uncached(tiny_model: Path) -> Iterator[Runner]:
    with ready(tiny_model, "--prompt-cache-bytes", "0") as runner:
        yield runner


@pytest.fixture(scope="module")
def serial(tiny_model: Path) -> Iterator[Runner]:
    with ready(tiny_model, *SMALL_CHUNKS, module="tests.runner.serial_runner") as runner:
        yield runner


@pytest.fixture(scope="module")
def sliding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Runner, Runner]]:
    """A model whose caches cannot be trimmed once they are longer than its window; with and without a cache."""
    folder = tmp_path_factory.mktemp("models") / "sliding"
    model = make_tiny_model(folder, sliding_window=64, layer_types=["sliding_attention", "full_attention"])
    with ready(model) as runner, ready(model, "--prompt-cache-bytes", "0") as uncached:
        yield runner, uncached


@pytest.fixture(params=["runner", "serial"])
def either(request: pytest.FixtureRequest) -> Runner:
    """Batched, and one row at a time."""
    runner: Runner = request.getfixturevalue(request.param)
    return runner


def second_try_is_quick(answer: Answer, at_least: int) -> None:
    first = answer.prefills[0]
    assert answer.done.cached_tokens == first.cached_tokens == first.done_tokens >= at_least
    assert first.cached_tokens < first.prompt_tokens


@pytest.mark.parametrize("sampling", [LONG, SEEDED])
def test_the_second_try_says_the_same(either: Runner, uncached: Runner, sampling: Sampling) -> None:
    prompt = long_prompt()
    expected = uncached.ask(prompt, sampling)
    assert expected.done.cached_tokens == 0
    assert either.ask(prompt, sampling).text == expected.text
    again = either.ask(prompt, sampling)
    assert again.text == expected.text
    second_try_is_quick(again, again.done.prompt_tokens - 1)


def test_a_prefill_that_met_its_deadline_is_gone_on_with(either: Runner, uncached: Runner) -> None:
    prompt = long_prompt()
    row = either.add(prompt, LONG)
    either.until(lambda: len(either.answers[row].prefills) > 2)
    either.abort(row)
    computed = either.answers[row].prefills[-1].done_tokens
    assert 20 < computed < either.answers[row].done.prompt_tokens
    again = either.ask(prompt, LONG)
    second_try_is_quick(again, computed)
    assert again.text == uncached.ask(prompt, LONG).text


def test_an_answer_that_met_its_deadline_leaves_its_prompt(either: Runner, uncached: Runner) -> None:
    prompt = long_prompt()
    row = either.add(prompt, ENDLESS)
    either.until(lambda: either.answers[row].tokens > 5)
    either.abort(row)
    again = either.ask(prompt, LONG)
    second_try_is_quick(again, again.done.prompt_tokens - 1)
    assert again.text == uncached.ask(prompt, LONG).text


def test_a_longer_prompt_begins_where_the_shorter_one_ended(either: Runner, uncached: Runner) -> None:
    text = long_prompt()[:1000]
    first = either.wait(either.add_prompt(TextPrompt(text), LONG))
    longer = TextPrompt(text + first.text + " and then?")
    again = either.wait(either.add_prompt(longer, LONG))
    second_try_is_quick(again, first.done.prompt_tokens - 5)  # where both meet, tokens may differ
    assert again.text == uncached.wait(uncached.add_prompt(longer, LONG)).text


def test_a_stop_string_leaves_what_was_computed(runner: Runner) -> None:
    prompt = long_prompt()
    whole = runner.ask(prompt, LONG).text
    stop = whole[10:20]
    assert runner.ask(prompt, Sampling(temperature=0, stop=(stop,))).text == whole[: whole.index(stop)]
    assert runner.ask(prompt, LONG).text == whole


def test_rows_that_begin_alike_share_no_state(runner: Runner, uncached: Runner) -> None:
    begin = long_prompt()
    runner.ask(begin, LONG)
    prompts = [begin, begin + "x", begin[:-300], begin, begin[:-30] + "other"]
    rows = [runner.add(prompt, LONG) for prompt in prompts]
    texts = [runner.wait(row).text for row in rows]
    assert texts == [uncached.ask(prompt, LONG).text for prompt in prompts]


@pytest.mark.parametrize("leaves_in", ["prefill", "decode", "never"])
def test_caches_that_cannot_be_trimmed(sliding: tuple[Runner, Runner], leaves_in: str) -> None:
    runner, uncached = sliding
    prompt = long_prompt()
    row = runner.add(prompt, LONG)
    answer = runner.answers[row]
    if leaves_in == "never":
        runner.wait(row)
    else:
        decodes = leaves_in == "decode"
        runner.until(lambda: answer.tokens > 5 if decodes else len(answer.prefills) > 2)
        runner.abort(row)
    again = runner.ask(prompt, LONG)
    second_try_is_quick(again, answer.prefills[-1].done_tokens - 1)
    assert again.text == uncached.ask(prompt, LONG).text


def test_it_is_bounded_in_bytes(tiny_model: Path) -> None:
    bound = 2_000_000  # of 512 bytes a token: two of the long prompts do not fit
    with ready(tiny_model, "--prompt-cache-bytes", str(bound)) as runner:
        for _ in range(4):
            runner.ask(long_prompt())
            runner.stats_now()
        assert all(stats.prompt_cache_bytes <= bound for stats in runner.stats)
        assert runner.stats[-1].prompt_cache_bytes > bound / 3


def test_without_bytes_nothing_is_kept(uncached: Runner) -> None:
    prompt = long_prompt()
    for _ in range(2):
        assert uncached.ask(prompt).done.cached_tokens == 0
    assert uncached.stats_now().prompt_cache_bytes == 0


def kv(tokens: int) -> LayerCaches:
    cache: Any = KVCache()  # type: ignore[no-untyped-call]
    cache.update_and_fetch(mx.zeros((1, 1, tokens, 1)), mx.zeros((1, 1, tokens, 1)))
    return [cache]


def state() -> LayerCaches:
    cache = ArraysCache(1)
    cache[0] = mx.zeros((1, 4))
    return [cache]


@given(
    kept=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), max_size=6),
    prompt=st.lists(st.integers(0, 2), min_size=1, max_size=8),
)
def test_it_finds_the_longest_beginning(kept: list[list[int]], prompt: list[int]) -> None:
    cache = PromptCache(2**30)
    for tokens in kept:
        cache.keep(tokens, kv(len(tokens)))
    common = [
        sum(1 for n in range(1, len(prompt)) if tokens[:n] == prompt[:n] and n <= len(tokens))
        for tokens in kept
    ]
    caches, known = cache.fetch(prompt)
    assert known == max(common, default=0)
    assert (caches is None) == (known == 0)
    assert caches is None or caches[0].offset == known


def test_what_cannot_be_trimmed_is_used_whole_or_not_at_all() -> None:
    cache = PromptCache(2**30)
    cache.keep([1, 2, 3], state())
    cache.keep([1, 2, 3, 4, 5], state())
    assert cache.fetch([1, 2, 3, 4, 9])[1] == 3
    assert cache.fetch([1, 2, 9])[1] == 0
    assert cache.fetch([1, 2, 3, 4, 5])[1] == 3  # at least one token is left to compute
    assert cache.fetch([1, 2, 3, 4, 5, 6])[1] == 5


def test_the_least_recently_used_leaves_first() -> None:
    cache = PromptCache(2 * kv(3)[0].nbytes)
    cache.keep([1, 1, 1], kv(3))
    cache.keep([2, 2, 2], kv(3))
    cache.fetch([1, 1, 1, 1])
    cache.keep([3, 3, 3], kv(3))
    assert [cache.fetch([n] * 4)[1] for n in (1, 2, 3)] == [3, 0, 3]


def test_a_search_is_quick_where_many_begin_alike() -> None:
    """mlx_lm's own takes 6 s here, in which no row moves."""
    cache = PromptCache(2**40)
    for n in range(10):
        cache.keep([0] * 20 + [n + 1] * 32_000, kv(1))
    start = time.thread_time()
    assert cache.fetch([0] * 100)[1] == 20
    assert time.thread_time() - start < 0.2
