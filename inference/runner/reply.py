"""What a row says, taken apart as it says it: the thinking, the answer, the calls of tools."""

from typing import Literal

from inference.messages import Add, ChatPrompt, Tokens, ToolCall
from inference.runner.stop_strings import StopStrings
from inference.runner.tags import Segments, Tags
from inference.runner.tool_calls import CallFormat

Said = Tokens | ToolCall
Ending = Literal["own", "length", "dropped"]
"""The model ended its turn itself; it might have no more tokens; somebody else ended it."""


def reply_to(row: Add, prompt: list[int], tags: Tags) -> "Reply":
    """Only what goes through a chat template is taken apart; a text that goes on is a text."""
    stop = StopStrings(row.sampling.stop)
    if not isinstance(row.prompt, ChatPrompt):
        return Reply(row.id, Segments(), None, stop)
    tools = row.prompt.tools
    calls = tags.calls(tools) if tools is not None else None
    only_json = row.format is not None
    return Reply(row.id, tags.segments(row.prompt, prompt), calls, stop, only_json=only_json)


class Reply:
    """One row's text in, events out; nothing of it is lost but tags, the whitespace after them, and what a stop string
    cuts off.

    Stop strings are looked for in the answer alone: "\\n\\n" would end most thinking before there is an answer, and
    cut arguments in two. What cannot be read as a call is answer.
    """

    def __init__(
        self,
        row_id: str,
        segments: Segments,
        calls: CallFormat | None,
        stop: StopStrings,
        *,
        only_json: bool = False,
    ) -> None:
        self._row_id = row_id
        self._segments = segments
        self._format = calls
        self._stop = stop
        self._only_json = only_json  # once an answer has begun nothing else comes: a tag in it is a text's
        self._state = segments.state
        self._call: list[str] = []
        self._begins = self._state == "reasoning"  # right after a tag: the whitespace there is the tag's
        self._space = ""
        self._came = 0  # characters
        self._stops = True
        self.calls = 0
        self.passed = (
            0  # of the characters that came, those that are out or left out; what is held comes after them
        )
        self.thinking = self._begins  # what was fed last was, at least in part

    @property
    def stopped_by(self) -> str:
        """The stop string that was met; "" before one was."""
        return self._stop.met

    def feed(self, text: str, *, stops: bool = True) -> tuple[list[Said], bool]:
        """What may be sent now, and whether the row is to end: at a stop string, or at the one call it may make.

        `stops` False: no stop string ends it.
        """
        self._stops = stops
        self._came += len(text)
        segments = self._segments.feed(text)
        self.thinking = any(state == "reasoning" for state, _ in segments)
        return self._take(segments)

    def end(self, text: str, ending: Ending) -> tuple[list[Said], bool]:
        """As `feed`, for the last text and what was held back.

        A call that is open is whole if the model ended its turn, text if it might not write on, and nothing if it was
        dropped: half a call is never one.
        """
        self._came += len(text)
        segments = self._segments.feed(text)
        said, stopped = self._take([*segments, (self._segments.state, self._segments.flush())])
        if stopped:
            return said, True
        if self._state == "tool" and ending != "dropped":
            said += self._close_call(closed=False, whole=ending == "own")
        return [*said, *self._content(self._stop.flush())], False

    def _take(self, segments: list[tuple[str, str]]) -> tuple[list[Said], bool]:
        said: list[Said] = []
        for number, (state, text) in enumerate(segments, 1):
            if state != self._state:
                said += self._enter(state)
                if self.calls and self._format is not None and not self._format.tools.parallel:
                    self.passed = self._came
                    return said, True
            held = self._stop.held
            more, stopped = self._say(text)
            said += more
            if stopped:
                if number == len(segments):  # else nobody knows how long the tags behind it were
                    sent = sum(len(tokens.text) for tokens in more if isinstance(tokens, Tokens))
                    self.passed = self._came - self._segments.held - (held + len(text) - sent)
                return said, True
        self.passed = self._came - self._segments.held - self._stop.held
        return said, False

    def _enter(self, state: str) -> list[Said]:
        """What leaving the state before brings forth: a call, or what a stop string could have begun with."""
        left, self._state = self._state, state
        self._begins, self._space = True, ""
        if left == "tool":
            return self._close_call(closed=True, whole=True)
        return self._content(self._stop.flush())

    def _say(self, text: str) -> tuple[list[Said], bool]:
        if self._state == "tool":
            self._call.append(text)
            return [], False
        if self._begins:
            text = self._without_space(text)
        if self._state == "reasoning":
            return ([Tokens(self._row_id, text, 0, kind="reasoning")] if text else []), False
        if self._state != "normal":  # a model's own, in which it says to whom it speaks
            return [], False
        if self._only_json and text:
            text += self._segments.close()
        text, stopped = self._stop.feed(text) if self._stops else (text, False)
        return self._content(text), stopped

    def _close_call(self, *, closed: bool, whole: bool) -> list[Said]:
        assert self._format is not None, "without tools no tag begins a call"
        text = "".join(self._call)
        self._call.clear()
        calls = self._format.read(text) if whole else []
        if not calls:
            return self._content(self._format.start + text + (self._format.end if closed else ""))
        first, self.calls = self.calls, self.calls + len(calls)
        return [ToolCall(self._row_id, number, *call) for number, call in enumerate(calls, first)]

    def _content(self, text: str) -> list[Said]:
        return [Tokens(self._row_id, text, 0)] if text else []

    def _without_space(self, text: str) -> str:
        """Less the empty lines that it begins with; nothing while there is nothing else."""
        self._space += text
        if not self._space.strip():
            return ""
        text, self._begins, self._space = self._space, False, ""
        space = len(text) - len(text.lstrip())
        return text[text.rfind("\n", 0, space) + 1 :]
