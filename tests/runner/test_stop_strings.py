"""Stop strings: as a table of pieces, and end to end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.messages import Sampling
from inference.runner.stop_strings import StopStrings
from tests.runner.process import Runner


def fed(stop: tuple[str, ...], pieces: list[str]) -> tuple[list[str], bool]:
    matcher = StopStrings(stop)
    sent = []
    for piece in pieces:
        text, stopped = matcher.feed(piece)
        sent.append(text)
        if stopped:
            return sent, True
    return [*sent, matcher.flush()], False


@pytest.mark.parametrize(
    ("stop", "pieces", "sent", "stopped"),
    [
        ((), ["a", "b"], ["a", "b", ""], False),
        (("END",), ["one E", "ND two"], ["one ", ""], True),
        (("END",), ["one E", "NE", "N"], ["one ", "EN", "", "EN"], False),
        (("ab",), ["aaa", "aaa", "c"], ["aa", "aaa", "ac", ""], False),
        (("\n\n",), ["x\n", "y\n", "\nz"], ["x", "\ny", ""], True),
        (("abcd", "bc"), ["ab", "cd"], ["", "a"], True),
        (("",), ["a"], ["a", ""], False),
    ],
)
def test_pieces(stop: tuple[str, ...], pieces: list[str], sent: list[str], stopped: bool) -> None:
    assert fed(stop, pieces) == (sent, stopped)


@given(
    stop=st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3),
    pieces=st.lists(st.text("abc", max_size=4), max_size=12),
)
def test_how_the_text_is_cut_makes_no_difference(stop: list[str], pieces: list[str]) -> None:
    sent, stopped = fed(tuple(stop), pieces)
    at_once = fed(tuple(stop), list("".join(pieces)))
    assert ("".join(sent), stopped) == ("".join(at_once[0]), at_once[1])
    assert not any(string in "".join(sent) for string in stop)


def test_it_ends_the_row_across_token_borders(runner: Runner) -> None:
    long = Sampling(temperature=0, max_tokens=40)
    whole = runner.ask(sampling=long)
    stop = whole.text[30:45]  # more than one token: the vocabulary's longest has fewer characters
    answer = runner.ask(sampling=Sampling(temperature=0, max_tokens=40, stop=("never", stop)))
    assert (answer.done.reason, answer.done.stopped_by, whole.done.stopped_by) == ("stop", stop, "")
    assert answer.text == whole.text[: whole.text.index(stop)]
    assert answer.done.completion_tokens < whole.done.completion_tokens


def test_the_neighbours_of_a_row_that_stops_go_on(runner: Runner) -> None:
    long = Sampling(temperature=0, max_tokens=40)
    whole = runner.ask(sampling=long).text
    rows = [runner.add(sampling=long), runner.add(sampling=long)]
    stopped = runner.add(sampling=Sampling(temperature=0, max_tokens=40, stop=(whole[20:25],)))
    assert runner.wait(stopped).done.reason == "stop"
    assert [runner.wait(row).text for row in rows] == [whole, whole]


def test_what_was_held_back_is_sent_at_the_end(runner: Runner) -> None:
    whole = runner.ask().text
    answer = runner.ask(sampling=Sampling(temperature=0, max_tokens=20, stop=(whole[-6:] + "@@@",)))
    assert (answer.text, answer.done.reason) == (whole, "length")
