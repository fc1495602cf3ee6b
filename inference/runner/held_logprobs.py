"""Log-probabilities on their way out: they would tell half a stop string if they went before their text."""

from collections import deque
from dataclasses import dataclass

import msgspec

from inference.messages import TokenLogprob


@dataclass
class _Held:
    logprob: TokenLogprob
    begin: int | None = None  # of its text in the answer's, in characters; None: it has not come yet
    end: int = 0


class HeldLogprobs:
    """Each waits until the text that its token completed is sent; one whose text a stop string took is dropped."""

    def __init__(self) -> None:
        self._held: deque[_Held] = deque()
        self._out: list[TokenLogprob] = []
        self._made = self._sent = 0  # characters

    def add(self, logprob: TokenLogprob) -> None:
        """Of the token that comes next."""
        self._held.append(_Held(logprob))

    def pass_on(self, made: int, sent: int, stopped: bool) -> None:
        """`made`: characters that came; `sent`: of all that came, those that are out; `stopped`: no more will be."""
        if made:
            self._place(made)
        self._made += made
        self._sent = sent
        while self._held and self._is_out(self._held[0], stopped):
            self._let_go(self._held.popleft())
        if stopped:
            self._held.clear()

    def release(self) -> None:
        """The answer is over, and all its text is sent."""
        while self._held:
            self._let_go(self._held.popleft())

    def taken(self) -> list[TokenLogprob]:
        """Those that went out since it was last asked."""
        taken, self._out = self._out, []
        return taken

    def _place(self, characters: int) -> None:
        """Text is of all tokens that wait for theirs: it may take several to make a character.

        Counted from its end: half a character is one there, and a space that begins an answer is left out of it.
        """
        end, behind = self._made + characters, b""
        for held in reversed(self._held):
            if held.begin is not None:
                break
            behind = held.logprob.token + behind
            held.begin = max(self._made, end - len(behind.decode("utf-8", "replace")))
            held.end = end

    def _is_out(self, held: _Held, stopped: bool) -> bool:
        """Of a token that the stop string cut, a part is."""
        return held.begin is not None and (held.begin < self._sent if stopped else held.end <= self._sent)

    def _let_go(self, held: _Held) -> None:
        offset = self._made if held.begin is None else held.begin
        self._out.append(msgspec.structs.replace(held.logprob, offset=offset))
