"""Stop strings, matched on text: a token's border may lie anywhere in one."""


class StopStrings:
    """Passes text on up to the first stop string, and never a part of one.

    mlx_lm's TextStateMachine holds text back from the first character that could begin a match, until nothing
    can ("aaaa…" for as long as the model likes, with the stop string "ab"); this holds only what still can.

    `met`: the one that was met; "" before.
    """

    def __init__(self, stop: tuple[str, ...]) -> None:
        self._stop = tuple(string for string in stop if string)
        self._held = ""
        self.met = ""

    def feed(self, text: str) -> tuple[str, bool]:
        """What may be sent now, and whether a stop string was met (it and what follows it are dropped)."""
        if not self._stop:
            return text, False
        text = self._held + text
        if found := [
            (at + len(string), at, string) for string in self._stop if (at := text.find(string)) >= 0
        ]:
            _, at, self.met = min(found)  # the first to end, however the text was cut into tokens
            self._held = ""
            return text[:at], True
        keep = max(_overlap(text, string) for string in self._stop)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep], False

    @property
    def held(self) -> int:
        """Characters that are held back."""
        return len(self._held)

    def flush(self) -> str:
        """What was held back, when no more text comes."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, string: str) -> int:
    """The length of the longest end of `text` that begins `string`, and is not all of it."""
    longest = min(len(text), len(string) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(string[:length])), 0)
