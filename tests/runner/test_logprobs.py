"""What is told of the tokens: true, whole, only for rows that asked, and never ahead of the text."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.messages import Sampling, TokenLogprob
from inference.runner.held_logprobs import HeldLogprobs
from inference.runner.stop_strings import StopStrings
from tests.runner.process import GREEDY, Answer, Runner
from tests.runner.reference import greedily

COUNT = 30
TOLD = Sampling(temperature=0, max_tokens=COUNT, logprobs=20)


def told(answer: Answer) -> list[TokenLogprob]:
    assert answer.logprobs is not None
    return answer.logprobs


def spelled(answer: Answer) -> str:
    return b"".join(one.token for one in told(answer)).decode("utf-8", "replace")


def test_they_are_what_the_model_gives(either: Runner, tiny_model: Path) -> None:
    expected = greedily(tiny_model, "hello there", COUNT)
    for one, token, logprobs in zip(
        told(either.ask(sampling=TOLD)), expected.tokens, expected.logprobs, strict=True
    ):
        best = np.sort(logprobs)[::-1][:20]
        assert one.logprob == pytest.approx(logprobs[token], abs=1e-4)
        np.testing.assert_allclose([logprob for _, logprob in one.likeliest], best, atol=1e-4)
        assert one.likeliest[0] == (one.token, one.logprob)  # greedy: the likeliest was taken


def test_all_of_a_vocabulary_sums_up_to_one(either: Runner) -> None:
    for asked in (Sampling(logprobs=10**6, max_tokens=5), Sampling(logprobs=10**6, max_tokens=5, top_k=2)):
        for one in told(either.ask(sampling=asked)):
            assert len(one.likeliest) == 1024
            assert sum(np.exp(logprob) for _, logprob in one.likeliest) == pytest.approx(1, abs=1e-4)


def test_a_token_of_its_own_is_told_whether_or_not_it_is_likely(either: Runner) -> None:
    for one in told(either.ask(sampling=Sampling(temperature=2, max_tokens=COUNT, logprobs=0))):
        assert (
            one.likeliest == [] and one.logprob <= 0
        )  # 0 where no other token has a share that float32 shows


def test_the_bytes_are_the_text(either: Runner) -> None:
    answer = either.ask(sampling=TOLD)
    assert spelled(answer).removeprefix(" ") == answer.text
    assert len(told(answer)) == answer.done.completion_tokens == COUNT
    text = answer.text
    for one in told(answer):
        whole = one.token.decode("utf-8", "ignore").strip()
        assert text[one.offset :].lstrip().startswith(whole)


def test_what_is_not_asked_for_is_not_told(runner: Runner) -> None:
    rows = [runner.add() for _ in range(3)]
    asked = runner.add(sampling=Sampling(temperature=0, max_tokens=20, logprobs=2))
    assert [runner.wait(row).logprobs for row in rows] == [None] * 3
    assert {len(one.likeliest) for one in told(runner.wait(asked))} == {2}
    assert runner.answers[asked].text == runner.answers[rows[0]].text


def test_rows_are_told_what_they_asked_for(runner: Runner) -> None:
    alone = [runner.ask(sampling=Sampling(temperature=0, max_tokens=20, logprobs=n)) for n in (0, 3, 7)]
    rows = [runner.add(sampling=Sampling(temperature=0, max_tokens=20, logprobs=n)) for n in (0, 3, 7)]
    for row, answer in zip(rows, alone, strict=True):
        for one, other in zip(told(runner.wait(row)), told(answer), strict=True):
            assert (one.token, one.offset) == (other.token, other.offset)
            assert len(one.likeliest) == len(other.likeliest)
            assert one.logprob == pytest.approx(other.logprob, abs=1e-4)


def test_a_stop_string_is_in_none(either: Runner) -> None:
    whole = either.ask(sampling=TOLD)
    stop = whole.text[20:32]
    answer = either.ask(sampling=Sampling(temperature=0, max_tokens=COUNT, logprobs=0, stop=(stop,)))
    assert answer.done.reason == "stop"
    last = told(answer)[-1]
    assert last.offset < len(answer.text) <= last.offset + len(last.token)
    assert spelled(answer).removeprefix(" ").startswith(answer.text)
    assert told(whole)[: len(told(answer)) - 1] == [
        TokenLogprob(one.token, one.logprob, other.likeliest, one.offset)
        for one, other in zip(told(answer)[:-1], told(whole), strict=False)
    ]


def test_the_end_token_is_told_by_none(either: Runner) -> None:
    ends = Sampling(temperature=0, max_tokens=9, logprobs=1, logit_bias=((1, 100),))
    answer = either.ask(sampling=ends)
    assert (told(answer), answer.done.completion_tokens) == ([], 1)


def test_a_row_that_is_dropped_tells_of_all_its_text(runner: Runner) -> None:
    row = runner.add(sampling=Sampling(temperature=0, logprobs=0))
    runner.until(lambda: runner.answers[row].tokens > 5)
    done = runner.abort(row)
    assert len(told(runner.answers[row])) == done.completion_tokens
    assert spelled(runner.answers[row]).removeprefix(" ") == runner.answers[row].text
    assert runner.ask(sampling=GREEDY).logprobs is None


@given(
    stop=st.lists(st.text("ab", min_size=1, max_size=4), max_size=2),
    pieces=st.lists(st.text("abc", max_size=3), min_size=1, max_size=12),
)
def test_they_go_out_with_their_text(stop: list[str], pieces: list[str]) -> None:
    """An empty piece is of a token that makes a character with the next one."""
    strings, held = StopStrings(tuple(stop)), HeldLogprobs()
    made = sent = ""
    out: list[TokenLogprob] = []
    stopped = False
    for index, piece in enumerate(pieces):
        held.add(TokenLogprob(piece.encode(), -float(index)))
        made += piece
        text, stopped = strings.feed(piece)
        sent += text
        held.pass_on(len(piece), len(sent), stopped)
        out += held.taken()
        if stopped:
            break
        assert b"".join(one.token for one in out).decode() == sent[: sum(len(one.token) for one in out)]
    if not stopped:
        held.release()
        out += held.taken()
        assert len(out) == len(pieces)
    assert [one.logprob for one in out] == [-float(index) for index in range(len(out))]
    assert all(made[one.offset :].startswith(one.token.decode()) for one in out)
    assert b"".join(one.token for one in out).decode().startswith(sent if stopped else made)
