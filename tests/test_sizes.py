"""Bytes in words: one way on every page, in every answer and in the log."""

import pytest

from settings_app.sizes import GB, MB, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (512, "512 bytes"),
        (1023, "1023 bytes"),
        (1536, "1.5 kB"),
        (MB - 1, "1.0 MB"),
        (9.94 * MB, "9.9 MB"),
        (9.96 * MB, "10 MB"),
        (93_000_000, "89 MB"),
        (1023.4 * MB, "1023 MB"),
        (1023.6 * MB, "1.0 GB"),
        (64 * GB, "64.0 GB"),
        (2048 * GB, "2.0 TB"),
    ],
)
def test_a_size_in_words(size: float, text: str) -> None:
    assert size_text(size) == text
