"""The model's chat template: what a client said, and what it asked of the template itself, as tokens."""

import inspect
import json
import re
from typing import Any

import jinja2
from transformers import PreTrainedTokenizerBase

from inference.messages import ChatPrompt
from inference.runner.text_tokens import text_tokens
from inference.runner.unusable import Unusable

NONE = "none"
# What the server says itself, and what says how a template is carried out; documents are a matter of the template's.
NOT_FOR_CLIENTS = {
    "messages",
    *inspect.signature(PreTrainedTokenizerBase.apply_chat_template).parameters,
} - {"documents"}


def rendered(tokenizer: Any, prompt: ChatPrompt, most: int | None) -> list[int]:
    """At least one token; the last ones open the assistant's turn.

    Raises Unusable, whatever a template raises, and TooLong for far more than `most`.
    """
    if not tokenizer.has_chat_template:
        raise Unusable(
            "no_chat_template",
            "This model has no chat template, so it cannot take messages. Use an instruction-tuned model, or "
            "/v1/completions.",
            "messages",
        )
    said = {**_tools(tokenizer, prompt), **_switches(tokenizer, prompt), **_effort(tokenizer, prompt)}
    messages = [_for_template(message) for message in prompt.messages]
    if _text(tokenizer) is not None:
        messages = [_with_objects(message) for message in messages]
    try:
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, **said)
    except jinja2.TemplateError as error:
        message = f"The model's chat template refuses these messages: {error}"
        raise Unusable("invalid_messages", message, "messages") from error
    tokens = text_tokens(tokenizer, text, most, special=False)  # the template writes its own
    if not tokens:
        message = "The model's chat template makes nothing of these messages."
        raise Unusable("invalid_messages", message, "messages")
    return tokens


def takes_tools(tokenizer: Any) -> bool:
    """Whether the template tells the model of tools, and mlx_lm knows how it writes its calls."""
    return bool(tokenizer.has_chat_template and tokenizer.has_tool_calling and _names(tokenizer, "tools"))


def _tools(tokenizer: Any, prompt: ChatPrompt) -> dict[str, Any]:
    if prompt.tools is None:
        return {}
    if not takes_tools(tokenizer):
        raise Unusable(
            "tools_not_supported",
            "This model does not call tools: its chat template has no form for them, or none that is known here. Leave "
            "tools out, or ask a model that was trained to call them.",
            "tools",
        )
    return {"tools": prompt.tools.functions}


def _switches(tokenizer: Any, prompt: ChatPrompt) -> dict[str, Any]:
    """What the template knows. A name that it does not know would change nothing, so it is refused."""
    for name, value in prompt.template_kwargs.items():
        if name in NOT_FOR_CLIENTS:
            raise _unknown(name, "is not for a request to say")
        if not _names(tokenizer, name) and (tokenizer.has_thinking or value is not False):
            raise _unknown(name, "is nothing that this model's chat template knows")
    return prompt.template_kwargs


def _effort(tokenizer: Any, prompt: ChatPrompt) -> dict[str, Any]:
    """By the template's own name for it. A template that can only think or not think knows one effort: none."""
    effort = prompt.reasoning_effort
    if effort is None or (effort == NONE and not tokenizer.has_thinking):
        return {}
    if effort == NONE and _names(tokenizer, "enable_thinking"):
        return {"enable_thinking": False}
    if _names(tokenizer, "reasoning_effort"):
        return {"reasoning_effort": effort}
    raise Unusable(
        "reasoning_effort_not_supported",
        f"This model's chat template knows no reasoning_effort of {effort!r}. Leave it out.",
        "reasoning_effort",
    )


def _unknown(name: str, why: str) -> Unusable:
    place = f"chat_template_kwargs.{name[:100]}"
    return Unusable("unsupported_parameter", f"{place} {why}. Leave it out.", place)


def _names(tokenizer: Any, name: str) -> bool:
    """Whether the template has the name in it. Of a template that is code nobody can say."""
    text = _text(tokenizer)
    return text is None or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _text(tokenizer: Any) -> str | None:
    """None for a template of mlx_lm's own, which is code."""
    if tokenizer.init_kwargs.get("chat_template_type"):
        return None
    template = tokenizer.chat_template
    return "\n".join(template.values()) if isinstance(template, dict) else template


def _for_template(message: dict[str, Any]) -> dict[str, Any]:
    """Content in parts becomes one string: most templates can do nothing else with it."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    if any(part.get("type") != "text" for part in content):
        raise Unusable("invalid_messages", "This model takes text only.", "messages")
    return {**message, "content": "".join(part["text"] for part in content)}


def _with_objects(message: dict[str, Any]) -> dict[str, Any]:
    """Arguments of calls as objects, as Jinja templates take them; mlx_lm's own take OpenAI's texts."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    return {**message, "tool_calls": [_with_object(call) for call in calls]}


def _with_object(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {**call, "function": {**function, "arguments": json.loads(function["arguments"])}}
