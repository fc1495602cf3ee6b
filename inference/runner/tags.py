"""The tags by which a model sets its thinking and its calls of tools apart from its answer. Which those are, the state
machine that finds them and the parsers of what stands between them are mlx_lm's.
"""

from typing import Any

from mlx_lm.generate import make_text_state_machine
from msgspec.structs import replace

from inference.messages import ChatPrompt, Tools
from inference.runner.tool_calls import CallFormat
from inference.runner.types_told import tools_told

PROMPT_TAIL_TOKENS = 32  # enough for a tag that the prompt ends with, and the whitespace after it


class Segments:
    """A text as it comes, by the state in which it is said: normal, reasoning, tool, or a model's own.

    Tags are left out. mlx_lm's machine holds text back from the first character that could begin a tag until nothing
    can ("<<<<…" for as long as a model likes); this holds only what still can.
    """

    def __init__(self, machine: Any = None, state: str = "normal") -> None:
        self.state = state
        self._machine = machine  # mlx_lm's TextStateMachine; None: there are no tags
        self._at = machine.make_state(state) if machine is not None else None

    def feed(self, text: str) -> list[tuple[str, str]]:
        """Each state that is passed with its text, the one that is reached last; texts may be empty."""
        if self._machine is None:
            return [(self.state, text)]
        self._at, segments = self._machine.split(self._at, text)
        self.state, tail = segments[-1]
        return [*segments[:-1], (self.state, tail + self._released())]

    @property
    def held(self) -> int:
        """Characters that are held back."""
        return len(self._at[3]) if self._at is not None else 0

    def flush(self) -> str:
        """What was held back, when no more text comes. It is of the state that was reached."""
        if self._machine is None:
            return ""
        self._at, held, _ = self._machine.flush(self._at)
        return str(held)

    def close(self) -> str:
        """From now on what looks like a tag is text. Gives what was held back."""
        held = self.flush()
        self._machine = None
        return held

    def _released(self) -> str:
        """The part of the held text that no tag can begin with any more: the trie's node stands for the rest."""
        assert self._at is not None
        state, node, states, held = self._at
        if not held:
            return ""
        begin = next(at for at in range(len(held) + 1) if _node(states[state][0], held[at:]) is node)
        self._at = (state, node, states, held[begin:])
        return str(held[:begin])


class Tags:
    """A model's own."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        make_machine: Any = make_text_state_machine
        self._with_tools = make_machine(tokenizer)
        self._without_tools = make_machine(_WithoutTools(tokenizer))
        self._needed = tokenizer.has_thinking or bool(tokenizer.response_transitions)

    def segments(self, prompt: ChatPrompt, tokens: list[int]) -> Segments:
        """For the answer to a prompt, given as it was asked and as tokens."""
        if prompt.tools is None and not self._needed:
            return Segments()
        machine = self._without_tools if prompt.tools is None else self._with_tools
        return Segments(machine, self._tokenizer.response_initial_state or self._begun(tokens))

    def calls(self, tools: Tools) -> CallFormat:
        tokenizer = self._tokenizer
        told = replace(tools, functions=tools_told(tools.functions, tokenizer.tool_parser))
        return CallFormat(tokenizer.tool_call_start, tokenizer.tool_call_end, tokenizer.tool_parser, told)

    def _begun(self, tokens: list[int]) -> str:
        """Many a template opens the thinking itself. Only at the prompt's end: a client may write the tag, too."""
        if not self._tokenizer.has_thinking:
            return "normal"
        tail = self._tokenizer.decode(tokens[-PROMPT_TAIL_TOKENS:])
        return "reasoning" if tail.rstrip().endswith(self._tokenizer.think_start) else "normal"


class _WithoutTools:
    """A tokenizer that knows no calls: where a client gave no tools, their tags are text like any other."""

    has_tool_calling = False

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    @property
    def response_transitions(self) -> dict[str, list[tuple[str, str]]]:
        return {
            state: [(tag, then) for tag, then in edges if then != "tool"]
            for state, edges in self._tokenizer.response_transitions.items()
        }


def _node(root: dict[str, Any], text: str) -> dict[str, Any] | None:
    """Where a text leads in a trie."""
    node: dict[str, Any] | None = root
    for letter in text:
        node = node.get(letter) if node is not None else None
    return node
