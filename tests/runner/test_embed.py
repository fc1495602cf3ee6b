"""An embedding model in a runner: right vectors, in order, and requests that leave between batches."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inference import builtin
from inference.messages import LoadFailed, SetDeadline, Stats, TokenPrompt
from tests.runner.process import NEVER, Runner, ready, started
from tests.tiny_encoder import CONTEXT_TOKENS, VOCABULARY, WIDE, WORDS, make_tiny_encoder

EMBEDDING = ("--kind", "embedding")
MANY = [TokenPrompt([4 + number % 500] * 120) for number in range(2000)]  # seconds of work
MANY_TEXTS = [
    " ".join([WORDS[number % 500]] * 120) for number in range(1000)
]  # a second until they are tokens


def of_length(words: int, first: int = 0) -> str:
    return " ".join(WORDS[(first + number) % len(WORDS)] for number in range(words))


MIXED = [of_length(1 + (7 * number) % 120, first=number) for number in range(60)]


@pytest.fixture(scope="module")
def shared_encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with ready(make_tiny_encoder(tmp_path_factory.mktemp("models") / "bert"), *EMBEDDING) as runner:
        yield runner


@pytest.fixture
def encoder(shared_encoder: Runner) -> Iterator[Runner]:
    """One process for all; each test has to leave it without a row."""
    yield shared_encoder
    assert shared_encoder.process.poll() is None
    assert all(answer.end for answer in shared_encoder.answers.values())
    shared_encoder.answers.clear()


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.asarray((left * right).sum(axis=-1))


def test_mixed_lengths_come_back_in_the_order_of_the_inputs(encoder: Runner) -> None:
    together = encoder.vectors(MIXED)
    alone = np.concatenate([encoder.vectors([text]) for text in MIXED])
    assert together.shape == (len(MIXED), WIDE)
    assert cosines(together, alone).min() > 0.99999
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
    others = together @ together.T - 2 * np.eye(len(MIXED))
    assert others.max() < 0.9999  # else the order would go unseen


def test_the_counts(encoder: Runner) -> None:
    answer = encoder.wait(encoder.embed(MIXED))
    tokens = sum(len(text.split()) + 2 for text in MIXED)
    assert (answer.done.reason, answer.done.prompt_tokens, answer.done.completion_tokens) == (
        "stop",
        tokens,
        0,
    )
    progress = [prefill.done_tokens for prefill in answer.prefills]
    assert progress[0] == 0 and progress == sorted(progress) and progress[-1] == tokens
    assert len(progress) > 2  # it was more than one batch
    assert {prefill.prompt_tokens for prefill in answer.prefills} == {tokens}


def test_tokens_are_taken_as_they_stand(encoder: Runner) -> None:
    as_tokens = encoder.vectors([TokenPrompt([2, 4, 5, 3]), TokenPrompt([4, 5])])
    as_text = encoder.vectors(["word0 word1"])
    assert cosines(as_tokens[0], as_text[0]) > 0.99999
    assert cosines(as_tokens[1], as_text[0]) < 0.9999


def test_a_text_is_not_cut(encoder: Runner) -> None:
    """The tokenizer's file says to cut at 16."""
    [short, long] = encoder.vectors([of_length(14), of_length(15)])
    assert cosines(short, long) < 0.9999


def test_requests_take_turns(encoder: Runner) -> None:
    long = encoder.embed(MANY)
    encoder.until(lambda: len(encoder.answers[long].vectors) > 0)
    short = [encoder.embed([of_length(5, first=number)]) for number in range(5)]
    for id in short:
        assert encoder.wait(id).done.reason == "stop"
    assert not encoder.answers[long].end
    second = encoder.embed(MANY)
    before = len(encoder.answers[long].vectors)
    encoder.until(lambda: len(encoder.answers[second].vectors) > 500)
    assert (
        len(encoder.answers[long].vectors) - before > 200
    )  # turn by turn; neither waits for the other's end
    encoder.abort(long)
    encoder.abort(second)


def test_neighbours_do_not_change_an_embedding(encoder: Runner) -> None:
    alone = encoder.vectors(MIXED[:10])
    rows = [encoder.embed(MIXED[:10]), *(encoder.embed([text]) for text in MIXED[10:30])]
    for id in rows:
        encoder.wait(id)
    assert cosines(encoder.answers[rows[0]].matrix(), alone).min() > 0.99999


def test_a_deadline_between_batches(encoder: Runner) -> None:
    deadline = time.monotonic() + 0.3
    answer = encoder.wait(encoder.embed(MANY, deadline))
    late = time.monotonic() - deadline
    assert answer.done.reason == "deadline"
    assert answer.done.stop_latency is not None and 0 <= answer.done.stop_latency <= late < 5
    assert len(answer.vectors) < len(MANY)
    assert encoder.vectors(["word1"]).shape == (1, WIDE)


def test_a_deadline_that_is_past_costs_no_work(encoder: Runner) -> None:
    answer = encoder.wait(encoder.embed(MIXED, time.monotonic() - 1))
    assert answer.done.reason == "deadline" and not answer.prefills and not answer.vectors


def test_a_deadline_while_the_inputs_are_made_tokens(encoder: Runner) -> None:
    answer = encoder.wait(encoder.embed(MANY_TEXTS, time.monotonic() + 0.01))
    assert answer.done.reason == "deadline" and not answer.vectors


def test_a_deadline_can_be_shortened(encoder: Runner) -> None:
    id = encoder.embed(MANY)
    encoder.until(lambda: encoder.answers[id].vectors)
    encoder.send(SetDeadline(id, time.monotonic()))
    assert encoder.wait(id).done.reason == "deadline"


def test_an_abort_between_batches(encoder: Runner) -> None:
    id = encoder.embed(MANY)
    encoder.until(lambda: encoder.answers[id].vectors)
    done = encoder.abort(id)
    assert done.reason == "aborted" and done.stop_latency is not None and 0 <= done.stop_latency < 5
    assert len(encoder.answers[id].vectors) < len(MANY)


def test_those_beyond_the_places_wait_in_the_queue(encoder: Runner) -> None:
    rows = [encoder.embed(MANY[:400]) for _ in range(33)]
    encoder.until(lambda: any(stats.prefilling == 32 and stats.queued == 1 for stats in encoder.stats))
    assert encoder.answers[rows[32]].prefills == []
    for id in rows:
        encoder.abort(id)
    encoder.until(lambda: (encoder.stats[-1].prefilling, encoder.stats[-1].queued) == (0, 0))


def test_memory_is_given_back(encoder: Runner) -> None:
    def settled() -> Stats:
        encoder.stats.clear()
        encoder.vectors(["word1"])
        encoder.until(lambda: encoder.stats and not encoder.stats[-1].prefilling)
        return encoder.stats[-1]

    before = settled().memory_bytes
    encoder.wait(encoder.embed(MANY, time.monotonic() + 0.3))
    assert settled().memory_bytes == before


@pytest.mark.parametrize(
    ("inputs", "code", "says"),
    [
        ([], "invalid_value", "no input"),
        (["word1", ""], "invalid_value", "input[1] is empty"),
        ([TokenPrompt([])], "invalid_value", "the input is empty"),
        ([TokenPrompt([2, VOCABULARY])], "invalid_value", f"not from 0 to {VOCABULARY - 1}"),
        ([TokenPrompt([-1])], "invalid_value", f"not from 0 to {VOCABULARY - 1}"),
        (
            ["word1", of_length(CONTEXT_TOKENS)],
            "context_length_exceeded",
            f"{CONTEXT_TOKENS} tokens. However, input[1] has {CONTEXT_TOKENS + 2} tokens",
        ),
        (
            [*MANY_TEXTS, of_length(CONTEXT_TOKENS)],  # seen only when the last slice is tokens
            "context_length_exceeded",
            f"input[{len(MANY_TEXTS)}] has",
        ),
        # so long that it is not tokenized to its end
        (["word1", of_length(500) * 1000], "context_length_exceeded", "input[1] has more than"),
    ],
    ids=[
        "none",
        "empty text",
        "no tokens",
        "beyond the vocabulary",
        "negative",
        "too long",
        "late too long",
        "far too long",
    ],
)
def test_an_input_that_cannot_be_embedded(
    encoder: Runner, inputs: list[str | TokenPrompt], code: str, says: str
) -> None:
    answer = encoder.wait(encoder.embed(inputs))
    assert (answer.refused.code, answer.refused.param) == (code, "input")
    assert says in answer.refused.message
    assert not answer.vectors and not answer.prefills


def test_the_longest_input_fits(encoder: Runner) -> None:
    assert encoder.vectors([of_length(CONTEXT_TOKENS - 2)]).shape == (1, WIDE)


def test_a_generation_is_refused(encoder: Runner) -> None:
    refused = encoder.ask("hello").refused
    assert (refused.code, refused.param) == ("model_does_not_generate", "model")


@pytest.mark.parametrize("dimensions", [-1, 0, 8, 1000])
def test_dimensions_the_model_was_not_trained_for(encoder: Runner, dimensions: int) -> None:
    refused = encoder.wait(encoder.embed(["word1"], dimensions=dimensions)).refused
    assert (refused.code, refused.param) == ("unsupported_dimensions", "dimensions")
    assert f"of {WIDE} dimensions" in refused.message


def test_the_model_s_own_dimensions(encoder: Runner) -> None:
    id = encoder.embed(["word1"], dimensions=WIDE)
    assert encoder.wait(id).matrix().shape == (1, WIDE)


def test_a_model_trained_for_fewer_dimensions_is_cut(tmp_path: Path) -> None:
    folder = make_tiny_encoder(tmp_path / "matryoshka", matryoshka_dimensions=[8, 16, WIDE])
    with ready(folder, *EMBEDDING) as runner:
        [whole] = runner.vectors(["word1"])
        [cut] = runner.wait(runner.embed(["word1"], dimensions=8)).matrix()
        refused = runner.wait(runner.embed(["word1"], dimensions=9)).refused
    assert cut == pytest.approx(whole[:8] / np.linalg.norm(whole[:8]), abs=1e-6)
    assert f"8, 16 or {WIDE}" in refused.message


def test_the_pooling_is_the_model_s_own(tmp_path: Path, encoder: Runner) -> None:
    """mlx-embeddings would take the mean of any BERT."""
    texts = ["word1 word2 word3", "word1"]
    with ready(make_tiny_encoder(tmp_path / "cls", pooling="cls_token"), *EMBEDDING) as runner:
        first_token = runner.vectors(texts)
    with ready(make_tiny_encoder(tmp_path / "plain", pooling=None), *EMBEDDING) as runner:
        unsaid = runner.vectors(texts)
    mean = encoder.vectors(texts)
    assert cosines(mean, unsaid).min() > 0.99999
    assert cosines(mean, first_token).max() < 0.99


def test_a_pooling_that_is_not_known_is_no_wrong_answer(tmp_path: Path) -> None:
    with started(make_tiny_encoder(tmp_path / "max", pooling="max_tokens"), *EMBEDDING) as runner:
        runner.receive()
        [failed] = runner.receive()
    assert isinstance(failed, LoadFailed) and "pools its tokens by max" in failed.message


@pytest.fixture(scope="module")
def minilm(builtin_home: Path) -> Iterator[Runner]:
    with ready(builtin_home / "models" / builtin.EMBEDDING.name, *EMBEDDING) as runner:
        yield runner


@pytest.mark.real_model
def test_related_sentences_are_near(minilm: Runner) -> None:
    [eating, bread, stocks] = minilm.vectors(
        ["A man is eating food.", "A man eats a piece of bread.", "The stock market fell sharply today."]
    )
    assert cosines(eating, bread) > 0.6
    assert cosines(eating, stocks) < 0.1


@pytest.mark.real_model
def test_the_built_in_model_has_one_size(minilm: Runner) -> None:
    refused = minilm.wait(minilm.embed(["hello"], NEVER, dimensions=128)).refused
    assert refused.code == "unsupported_dimensions" and "384" in refused.message
