"""What comes out: batching, sampling, lengths, endings."""

from pathlib import Path

import pytest

from inference.messages import Sampling
from tests.runner.process import GREEDY, Runner, ready
from tests.tiny_model import BEYOND_CONTEXT, CONTEXT_TOKENS, make_tiny_model

PROMPTS = ["hello there", "a much longer question about nothing in particular, " * 9, "x", "bananas? " * 30]
LONG = Sampling(temperature=0, max_tokens=40)


def test_a_row_says_the_same_in_company(runner: Runner) -> None:
    alone = [runner.ask(prompt, LONG).text for prompt in PROMPTS]
    rows = [runner.add(prompt, LONG) for prompt in PROMPTS]
    assert [runner.wait(row).text for row in rows] == alone
    assert len(set(alone)) == len(PROMPTS)


def test_rows_are_decoded_in_one_batch(runner: Runner) -> None:
    first, second = runner.add(sampling=LONG), runner.add(sampling=LONG)
    runner.until(lambda: runner.answers[first].tokens and runner.answers[second].tokens)
    assert not runner.answers[first].end
    runner.wait(first), runner.wait(second)


def test_a_row_that_comes_later_changes_nothing(runner: Runner) -> None:
    alone = runner.ask(PROMPTS[1], LONG).text
    first = runner.add(PROMPTS[1], LONG)
    runner.until(lambda: runner.answers[first].tokens > 5)
    later = [runner.add(prompt, LONG) for prompt in PROMPTS]
    assert runner.wait(first).text == alone
    assert runner.wait(later[1]).text == alone
    for row in later:
        runner.wait(row)


def test_more_rows_than_fit_wait_and_are_served(runner: Runner) -> None:
    alone = runner.ask().text
    rows = [runner.add() for _ in range(70)]
    assert {runner.wait(row).text for row in rows} == {alone}


def test_temperature_0_is_greedy_whatever_the_rest_says(runner: Runner) -> None:
    greedy = runner.ask().text
    assert runner.ask(sampling=Sampling(temperature=0, top_p=0.3, seed=7, max_tokens=20)).text == greedy
    assert runner.ask(sampling=Sampling(temperature=1, top_p=0.0, max_tokens=20)).text == greedy
    assert runner.ask(sampling=Sampling(temperature=1e-6, max_tokens=20)).text == greedy


def test_a_seed_gives_the_same_tokens_alone_and_in_company(runner: Runner) -> None:
    seeded = Sampling(temperature=1, top_p=0.95, seed=-42, max_tokens=30)
    alone = runner.ask(sampling=seeded).text
    others = [runner.add(sampling=Sampling(temperature=1.5, max_tokens=30)) for _ in range(3)]
    rows = [runner.add(sampling=seeded), runner.add(sampling=seeded)]
    assert [runner.wait(row).text for row in rows] == [alone, alone]
    assert runner.ask(sampling=Sampling(temperature=1, top_p=0.95, seed=43, max_tokens=30)).text != alone
    for row in others:
        runner.wait(row)


def test_without_a_seed_rows_differ(runner: Runner) -> None:
    rows = [runner.add(sampling=Sampling(temperature=1.5, max_tokens=20)) for _ in range(4)]
    assert len({runner.wait(row).text for row in rows}) == 4


def test_length_counts_and_prefill_is_told(runner: Runner) -> None:
    answer = runner.ask(PROMPTS[3], Sampling(temperature=0, max_tokens=7))
    assert (answer.done.reason, answer.done.completion_tokens, answer.tokens) == ("length", 7, 7)
    assert answer.done.stop_latency is None
    total = answer.done.prompt_tokens
    done = [prefill.done_tokens for prefill in answer.prefills]
    assert done == sorted(done) and done[0] == answer.done.cached_tokens and done[-1] == total
    assert {prefill.prompt_tokens for prefill in answer.prefills} == {total}


def test_text_that_is_cut_mid_character_is_still_sent(runner: Runner) -> None:
    whole = runner.ask(sampling=Sampling(temperature=0, max_tokens=30)).text
    for length in range(1, 10):
        part = runner.ask(sampling=Sampling(temperature=0, max_tokens=length)).text
        assert part.rstrip("\ufffd") == whole[: len(part.rstrip("\ufffd"))]
        assert part


def test_max_tokens_is_clipped_to_the_context(tiny_model: Path, tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "short", max_position_embeddings=60)
    with ready(model) as runner:
        for max_tokens in (None, 1000):
            done = runner.ask(sampling=Sampling(temperature=0, max_tokens=max_tokens)).done
            assert done.reason == "length"
            assert done.prompt_tokens + done.completion_tokens == 60


def test_the_end_token_stops_and_is_not_sent(runner: Runner, tmp_path: Path) -> None:
    # Of the same weights, but every token from 512 on ends the answer.
    model = make_tiny_model(tmp_path / "ends", eos_token_id=list(range(512, 1024)))
    endless = runner.ask(sampling=LONG).text
    with ready(model) as other:
        answer = other.ask(sampling=LONG)
    assert answer.done.reason == "stop"
    assert answer.tokens == answer.done.completion_tokens < 40
    assert endless.startswith(answer.text)


def test_a_prompt_beyond_the_context_is_refused(runner: Runner) -> None:
    refused = runner.ask(BEYOND_CONTEXT).refused
    assert (refused.code, refused.param) == ("context_length_exceeded", "messages")
    assert f"maximum context length is {CONTEXT_TOKENS} tokens" in refused.message


@pytest.mark.parametrize("chunk", ["1", "4096"])
def test_the_chunk_of_a_prefill_changes_no_answer(runner: Runner, tiny_model: Path, chunk: str) -> None:
    expected = runner.ask(PROMPTS[1], GREEDY).text
    with ready(tiny_model, "--prefill-chunk", chunk) as other:
        rows = [other.add(PROMPTS[0]), other.add(PROMPTS[1]), other.add(PROMPTS[2])]
        assert other.wait(rows[1]).text == expected
        for row in rows:
            other.wait(row)
