"""A text as tokens; one that is far too long is known for it before all of it is tokenized."""

from typing import Any

PIECE_CHARACTERS = 2**16  # 40 ms
CUT_TOKENS = 16  # by so many at most the pieces of a text are more tokens than the text is, for each of them
SHORT = 4  # characters a token: a text of fewer may well fit, and is tokenized once


class TooLong(Exception):
    """The text is of more than so many `tokens`; how many nobody counted."""

    def __init__(self, tokens: int) -> None:
        super().__init__(tokens)
        self.tokens = tokens


def text_tokens(tokenizer: Any, text: str, most: int | None, *, special: bool) -> list[int]:
    """`special`: with the tokens that the model begins every text with. Raises TooLong for more than `most`.

    To tokenize 10 MB takes 7 to 23 s, in which all rows of the model stand still, and it may be ended as stuck.
    """
    if most is not None and len(text) > SHORT * most:
        check_length(tokenizer, text, most)
    return list(tokenizer.encode(text, add_special_tokens=special))


def check_length(tokenizer: Any, text: str, most: int) -> None:
    """Raises TooLong once so much of the text was looked at that it is sure; a text that is hardly longer passes."""
    count = 0
    for begin in range(0, len(text), PIECE_CHARACTERS):
        piece = tokenizer.encode(text[begin : begin + PIECE_CHARACTERS], add_special_tokens=False)
        count += max(0, len(piece) - CUT_TOKENS)
        if count > most:
            raise TooLong(count)
