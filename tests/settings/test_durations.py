"""Seconds as people write and read them: nothing is rounded away on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings_app.durations import number_text, parse_seconds, seconds_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "0.25 s"),
        (60, "1 min"),
        (90, "90 s"),
        (120, "2 min"),
        (900, "15 min"),
        (5400, "1 h 30 min"),
        (5405, "1 h 30 min 5 s"),
        (1234.5678, "1234.5678 s"),
        (7200, "2 h"),
    ],
)
def test_words(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@given(st.floats(min_value=0.001, max_value=7200))
def test_what_is_shown_is_what_is_stored(seconds: float) -> None:
    assert float(number_text(seconds)) == seconds
    assert parse_seconds(number_text(seconds)) == seconds


@pytest.mark.parametrize("text", ["", " ", "m", "15x", "1m1h", "h30", "1:30", "--5", "1 000 s s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_seconds(text)
