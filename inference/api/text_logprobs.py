"""Of the log-probabilities of a chat those of its text: thinking, tags and calls of tools have theirs too."""

from inference.messages import TokenLogprob, Tokens


class TextLogprobs:
    """Of one answer, as it comes. A token that ends in what may be a tag is told after its text is out."""

    def __init__(self) -> None:
        self._untold = ""

    def of(self, said: Tokens) -> list[TokenLogprob]:
        """Those that are told with `said` and make up the answer's text, here or before."""
        if said.kind != "content":
            return []
        text, told = self._untold + said.text, said.logprobs or []
        begun = _begun(text, _spelled(told)) if told else 0
        self._untold = text[begun:]
        if text and begun:
            return _made_of(text[:begun], told)
        if said.text and told:  # bytes that are no text, and were written otherwise
            self._untold = ""
            return told
        return []


def _begun(text: str, spelled: str) -> int:
    """So many characters of the text are in what was spelled, up to its end."""
    if text in spelled:
        return len(text)
    return next((n for n in range(len(text) - 1, 0, -1) if spelled.endswith(text[:n])), 0)


def _made_of(text: str, told: list[TokenLogprob]) -> list[TokenLogprob]:
    """Without those before and behind that the text can do without."""
    while len(told) > 1 and text in _spelled(told[:-1]):
        told = told[:-1]
    while len(told) > 1 and text in _spelled(told[1:]):
        told = told[1:]
    return told


def _spelled(told: list[TokenLogprob]) -> str:
    return b"".join(one.token for one in told).decode("utf-8", "replace")
