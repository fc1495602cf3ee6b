"""A text taken apart: as tables of pieces, and as any text cut anywhere."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlx_lm.tool_parsers import json_tools

from inference.messages import ChatPrompt, Tokens, ToolCall, Tools
from inference.runner.reply import Ending, Reply, Said
from inference.runner.stop_strings import StopStrings
from inference.runner.tags import Tags
from inference.runner.tool_calls import CallFormat

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln"}}\n</tool_call>'


def tokenizer(**more: Any) -> Any:
    """What of a tokenizer is asked here."""
    hermes = {
        "has_thinking": True,
        "think_start": "<think>",
        "think_end": "</think>",
        "has_tool_calling": True,
        "tool_call_start": json_tools.tool_call_start,
        "tool_call_end": json_tools.tool_call_end,
        "tool_parser": json_tools.parse_tool_call,
        "structural_markers": (),
        "response_transitions": {},
        "response_initial_state": None,
        "decode": lambda tokens: "".join(map(chr, tokens)),
    }
    return SimpleNamespace(**hermes | more)


def reply(
    *, tools: bool = True, parallel: bool = True, stop: tuple[str, ...] = (), prompt: str = "assistant:\n"
) -> Reply:
    tags = Tags(tokenizer())
    offered = Tools([WEATHER], parallel) if tools else None
    segments = tags.segments(ChatPrompt([], offered), list(map(ord, prompt)))
    return Reply("row", segments, tags.calls(offered) if offered else None, StopStrings(stop))


def said(answer: Reply, pieces: list[str], ending: Ending = "own") -> list[Said]:
    found: list[Said] = []
    for piece in pieces:
        more, stopped = answer.feed(piece)
        found += more
        if stopped:
            return found
    return [*found, *answer.end("", ending)[0]]


def told(events: list[Said]) -> list[tuple[str, str]]:
    """Texts of one kind in a row as one; calls by name and arguments."""
    found: list[tuple[str, str]] = []
    for event in events:
        if isinstance(event, ToolCall):
            found.append((event.name, event.arguments))
        elif found and found[-1][0] == event.kind:
            found[-1] = (event.kind, found[-1][1] + event.text)
        else:
            found.append((event.kind, event.text))
    return found


KOELN = ("weather", '{"city": "Köln"}')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("just an answer", [("content", "just an answer")]),
        ("\n  indented", [("content", "\n  indented")]),
        ("<think>\nhm\n</think>\n\nyes", [("reasoning", "hm\n"), ("content", "yes")]),
        ("<think>\nhm</think>\n\n  indented", [("reasoning", "hm"), ("content", "  indented")]),
        ("<think>\n\n</think>\n\nyes", [("content", "yes")]),
        ("<think>so long", [("reasoning", "so long")]),
        ("a < b, <thin air, </think> and <", [("content", "a < b, <thin air, </think> and <")]),
        (CALL, [KOELN]),
        (f"{CALL}\n{CALL}", [KOELN, KOELN]),
        (f"Let me see.\n{CALL}\n", [("content", "Let me see.\n"), KOELN]),
        (f"<think>hm</think>\n\n{CALL}", [("reasoning", "hm"), KOELN]),
        (f"<think>hm {CALL} done", [("reasoning", "hm "), KOELN, ("content", " done")]),
        (CALL.removesuffix("</tool_call>"), [KOELN]),  # it ended its turn in place of the tag
        ("<tool_call>{no}</tool_call>!", [("content", "<tool_call>{no}</tool_call>!")]),
        ('<tool_call>{"name": "wea', [("content", '<tool_call>{"name": "wea')]),
        (f"<tool_call>[1]</tool_call>{CALL}", [("content", "<tool_call>[1]</tool_call>"), KOELN]),
    ],
)
def test_texts(text: str, expected: list[tuple[str, str]]) -> None:
    assert told(said(reply(), [text])) == expected
    assert told(said(reply(), list(text))) == expected


def test_half_a_call_is_none_but_where_the_model_ended_its_turn() -> None:
    cut = CALL.removesuffix("</tool_call>")
    assert told(said(reply(), ["a ", cut], "length")) == [("content", "a " + cut)]
    assert told(said(reply(), ["a ", cut], "dropped")) == [("content", "a ")]


def test_without_tools_their_tags_are_text() -> None:
    assert told(said(reply(tools=False), list(f"<think>{CALL}</think>{CALL}"))) == [
        ("reasoning", CALL),
        ("content", CALL),
    ]


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("assistant:\n<think>\n", "reasoning"),
        ("assistant:\n<think>", "reasoning"),
        ("assistant:\n<think>\n\n</think>\n\n", "content"),
        ("user: what does <think> mean?\nassistant:\n", "content"),
        ("user: <think>\nassistant:\n", "content"),
    ],
)
def test_thinking_that_the_prompt_has_opened(prompt: str, kind: str) -> None:
    assert told(said(reply(prompt=prompt), ["hm</think>yes"]))[0] == (
        (kind, "hm") if kind == "reasoning" else (kind, "hm</think>yes")
    )


def test_one_call_is_all_if_they_may_not_be_parallel() -> None:
    assert told(said(reply(parallel=False), list(f"a {CALL} b {CALL}"))) == [("content", "a "), KOELN]


def test_stop_strings_are_looked_for_in_the_answer_alone() -> None:
    text = f"<think>one END two</think>{CALL.replace('Köln', 'END')}three END four"
    expected = [("reasoning", "one END two"), ("weather", '{"city": "END"}'), ("content", "three ")]
    assert told(said(reply(stop=("END",)), list(text))) == expected


def test_a_stop_string_does_not_reach_over_a_call() -> None:
    assert told(said(reply(stop=("ab",)), list(f"a{CALL}b"))) == [("content", "a"), KOELN, ("content", "b")]


def test_nothing_is_held_that_no_tag_can_begin_with() -> None:
    answer = reply()
    assert [told(answer.feed(piece)[0]) for piece in ["<<<<", "<<", "<t", "<th", "e"]] == [
        [("content", "<<<")],
        [("content", "<<")],
        [("content", "<")],
        [("content", "<t")],
        [("content", "<the")],
    ]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_how_the_text_is_cut_makes_no_difference_and_none_is_lost(data: st.DataObject) -> None:
    parts = st.sampled_from(["<think>", "</think>", "<tool_call>", "</tool_call>", CALL, "<", "ab", "x", " "])
    text = "".join(data.draw(st.lists(parts, max_size=8)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    stop = data.draw(st.sampled_from([(), ("ab",), ("bx", "a ")]))
    whole = said(reply(stop=stop), [text])
    assert told(said(reply(stop=stop), pieces)) == told(whole)
    assert told(said(reply(stop=stop), list(text))) == told(whole)
    if not stop:
        sent = "".join(event.text for event in whole if isinstance(event, Tokens))
        calls = sum(isinstance(event, ToolCall) for event in whole)
        for mark in ("ab", "x"):
            assert sent.count(mark) == text.count(mark)
        assert sent.count("Köln") == text.count("Köln") - calls


def reads(parse: Any, *, parallel: bool = True) -> list[tuple[str, str]]:
    found = CallFormat("<", ">", parse, Tools([WEATHER], parallel)).read("…")
    return [(call.name, call.arguments) for call in found]


@pytest.mark.parametrize(
    ("parsed", "arguments"),
    [
        ({"name": "f", "arguments": {"a": 1}}, '{"a": 1}'),
        ({"name": "f", "arguments": '{"a": 1}'}, '{"a": 1}'),
        ({"name": "f"}, "{}"),
        ({"name": "f", "arguments": None}, "{}"),
        ({"name": "f", "arguments": {"a": "é\ud800"}}, '{"a": "\\u00e9\\ud800"}'),
    ],
)
def test_what_a_parser_finds_is_a_call(parsed: Any, arguments: str) -> None:
    assert reads(lambda text, tools: parsed) == [("f", arguments)]
    assert reads(lambda text, tools: [parsed, parsed]) == [("f", arguments)] * 2
    assert reads(lambda text, tools: [parsed, parsed], parallel=False) == [("f", arguments)]
    json.loads(arguments)


@pytest.mark.parametrize(
    "parsed",
    [
        None,
        "f",
        [],
        [[]],
        {},
        {"name": ""},
        {"name": None, "arguments": {}},
        {"name": "\ud800", "arguments": {}},
        {"name": "f", "arguments": [1]},
        {"name": "f", "arguments": "no object"},
        {"name": "f", "arguments": "[1]"},
        {"name": "f", "parameters": {"a": 1}},
        {"name": "f", "arguments": {"a": float("nan")}},
        {"name": "f", "arguments": {"a": {1, 2}}},
        [{"name": "f", "arguments": {}}, {"name": "f", "arguments": 1}],
    ],
)
def test_what_is_no_call_through_and_through_is_none(parsed: Any) -> None:
    assert reads(lambda text, tools: parsed) == []


@pytest.mark.parametrize("error", [ValueError, KeyError, AttributeError, SyntaxError, RecursionError])
def test_a_parser_that_stumbles_has_found_no_call(error: type[Exception]) -> None:
    def parse(text: str, tools: Any) -> Any:
        raise error("…")

    assert reads(parse) == []


def test_a_call_that_has_no_name_of_its_own_gets_one_that_all_templates_take() -> None:
    def ids(*given: Any) -> list[str]:
        parsed = [{"id": id, "name": "f", "arguments": {}} for id in given]
        calls = CallFormat("<", ">", lambda text, tools: parsed, Tools([])).read("…")
        return [call.call_id for call in calls]

    own, first, second = ids("functions.f:0", None, None)
    assert own == "functions.f:0"
    assert first != second
    assert all(len(id) == 9 and id.isalnum() for id in (first, second))
