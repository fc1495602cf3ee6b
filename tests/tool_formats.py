"""The forms in which models call tools, each as a scripted model that calls two of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.scripted_model import Endless, make_scripted_model

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of the next days.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
TIME: Any = {
    "type": "function",
    "function": {
        "name": "time",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}},
    },
}
TOOLS: list[Any] = [WEATHER, TIME]
CALLED = [("weather", {"city": "Köln", "days": 3}), ("time", {"zone": "CET"})]
THOUGHT = "The user asks for both, so I call both.\n"
SAID = "Let me see.\n"

THINK = ("<think>", "</think>")


@dataclass(frozen=True)
class Format:
    """`form`: what of a chat template tells mlx_lm which parser it takes; `calls`: both calls. `thinking`: its tags."""

    form: str
    calls: str
    tags: tuple[str, ...]
    thinking: tuple[str, str] | None = None
    opens_thinking: bool = False  # the prompt ends with the tag


HERMES = Format(
    "<tool_call>\n{{ tool_call.name }}",
    '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln", "days": 3}}\n</tool_call>\n'
    '<tool_call>\n{"name": "time", "arguments": {"zone": "CET"}}\n</tool_call>',
    ("<tool_call>", "</tool_call>", *THINK),
    THINK,
)
FORMATS = {
    "hermes": HERMES,
    "qwen3-coder": Format(
        "<tool_call>\n<function=",
        "<tool_call>\n<function=weather>\n<parameter=city>\nKöln\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
        "</function>\n</tool_call>\n<tool_call>\n<function=time>\n<parameter=zone>\nCET\n</parameter>\n</function>\n"
        "</tool_call>",
        ("<tool_call>", "</tool_call>"),
    ),
    "mistral": Format(
        "[TOOL_CALLS]",
        '[TOOL_CALLS]weather[ARGS]{"city": "Köln", "days": 3}[TOOL_CALLS]time[ARGS]{"zone": "CET"}',
        ("[TOOL_CALLS]", "[ARGS]"),
    ),
    "pythonic": Format(
        "<|tool_list_start|>",
        '<|tool_call_start|>[weather(city="Köln", days=3), time(zone="CET")]<|tool_call_end|>',
        ("<|tool_call_start|>", "<|tool_call_end|>"),
    ),
    "gemma": Format(
        "<|tool_call>call:<tool_call|>",
        '<|tool_call>call:weather{city:<|"|>Köln<|"|>,days:3}<tool_call|>'
        '<|tool_call>call:time{zone:<|"|>CET<|"|>}<tool_call|>',
        ("<|tool_call>", "<tool_call|>", '<|"|>', "<|channel>", "<channel|>"),
        ("<|channel>thought", "<channel|>"),
    ),
    "glm": Format(
        "<arg_key>",
        "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Köln</arg_value>\n<arg_key>days</arg_key>\n"
        "<arg_value>3</arg_value>\n</tool_call>\n<tool_call>time\n<arg_key>zone</arg_key>\n<arg_value>CET</arg_value>\n"
        "</tool_call>",
        ("<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", *THINK),
        THINK,
        opens_thinking=True,
    ),
    "minimax": Format(
        "<minimax:tool_call>",
        '<minimax:tool_call>\n<invoke name="weather">\n<parameter name="city">Köln</parameter>\n'
        '<parameter name="days">3</parameter>\n</invoke>\n'
        '<invoke name="time">\n<parameter name="zone">CET</parameter>\n</invoke>\n</minimax:tool_call>',
        ("<minimax:tool_call>", "</minimax:tool_call>", *THINK),
        THINK,
    ),
    "minicpm": Format(
        '<function name="f"><param name="p">',
        '<function name="weather"><param name="city">Köln</param><param name="days">3</param></function>\n'
        '<function name="time"><param name="zone">CET</param></function>',
        THINK,
        THINK,
    ),
    "function-gemma": Format(
        "<start_function_call>",
        "<start_function_call>call:weather{city:<escape>Köln<escape>,days:3}<end_function_call>"
        "<start_function_call>call:time{zone:<escape>CET<escape>}<end_function_call>",
        ("<start_function_call>", "<end_function_call>", "<escape>"),
    ),
    "muse": Format(
        "<atem:function_calls>",
        '<atem:function_calls><atem:invoke name="weather"><atem:parameter name="city">Köln</atem:parameter>'
        '<atem:parameter name="days">3</atem:parameter></atem:invoke><atem:invoke name="time">'
        '<atem:parameter name="zone">CET</atem:parameter></atem:invoke></atem:function_calls>',
        ("<atem:function_calls>", "</atem:function_calls>"),
    ),
    "kimi": Format(
        "<|tool_calls_section_begin|>",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>"
        '{"city": "Köln", "days": 3}<|tool_call_end|><|tool_call_begin|>functions.time:1'
        '<|tool_call_argument_begin|>{"zone": "CET"}<|tool_call_end|><|tool_calls_section_end|>',
        (
            "<|tool_calls_section_begin|>",
            "<|tool_calls_section_end|>",
            "<|tool_call_begin|>",
            "<|tool_call_end|>",
            "<|tool_call_argument_begin|>",
        ),
    ),
}

# What the template was given shows in what is said: the last message's content names the script, unless it asks.
_TURNS = """\
{% if tools %}{{ tools | tojson }}
Calls look like this: FORM{% endif %}
{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}{% for call in message.tool_calls or [] %}
{{ call.function.name }}{{ call.function.arguments | tojson }}{% endfor %}<|im_end|>
{% endfor %}<|im_start|>assistant
"""
_ASKED = """\
{% set asked = messages[-1].content %}{% set before = messages[-2] if messages | length > 1 else {} %}<|say \
{% if asked == 'offered?' %}{{ (tools or []) | map(attribute='function.name') | join('+') }}\
{% elif asked == 'called?' %}{{ before.tool_calls[0].function.arguments.city }}\
{% elif asked == 'thought?' %}{{ before.reasoning_content }}\
{% elif asked == 'effort?' %}{{ reasoning_effort }}\
{% elif SWITCHED_OFF %}{{ asked }} at once\
{% else %}{{ asked }}{% endif %}|>"""


def allowed(mode: str, *names: str) -> Any:
    """The `tool_choice` that lets some of the tools be called."""
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def make_calling_model(
    folder: Path, format: Format, scripts: Mapping[str, str | Endless] = {}, **config: object
) -> Path:
    """Asked "call", it calls both tools at once; asked "say and call", after some words; what else `scripts` say.

    A format with thinking thinks before. One whose prompt opens the thinking says that whatever it is asked.
    """
    form = format.form.replace("{{", "").replace("}}", "")
    template = _TURNS.replace("FORM", "{% raw %}" + form + "{% endraw %}")
    if format.opens_thinking:
        assert format.thinking
        opened, closed = format.thinking
        said = {opened: f"{THOUGHT}{closed}\n\n{SAID}{format.calls}"}
        return make_scripted_model(folder, said, chat_template=template + opened, tags=format.tags, **config)
    thought = f"{format.thinking[0]}\n{THOUGHT}{format.thinking[1]}\n\n" if format.thinking else ""
    asked = _ASKED.replace("SWITCHED_OFF", "enable_thinking is false" if format.thinking else "false")
    said = {"call": format.calls, "say and call": f"{thought}{SAID}{format.calls}"}
    return make_scripted_model(
        folder, {**said, **scripts}, chat_template=template + asked, tags=format.tags, **config
    )
