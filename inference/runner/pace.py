"""How many prompt tokens a step may compute, so that no deadline and no neighbour waits long for it."""

STEP_SECONDS = 0.5
FIRST_TOKENS = 32  # before anything was measured
FEWEST_TOKENS = 8


class PrefillPace:
    """The chunk that the machine computes in STEP_SECONDS, and `most_tokens` where it is faster than that.

    With a fixed chunk of 512, eight quantised prompts on a CPU made one step of 30 s, deadlines or not.
    """

    def __init__(self, most_tokens: int) -> None:
        self._most_tokens = most_tokens
        self.chunk = min(most_tokens, FIRST_TOKENS)

    def bound(self, most_tokens: int) -> None:
        """Another bound. A higher one is reached as the machine shows that it is fast enough."""
        self._most_tokens = most_tokens
        self.chunk = min(most_tokens, self.chunk)

    def learn(self, tokens: int, seconds: float) -> None:
        """What a step took. One of few tokens is mostly overhead and says little."""
        if tokens < self.chunk // 2 or seconds <= 0:
            return
        in_time = int(tokens / seconds * STEP_SECONDS)
        self.chunk = min(self._most_tokens, max(FEWEST_TOKENS, in_time))
