"""What form an answer must have, of all that a request asks: its format, its tools, and the thinking before it."""

import logging
from typing import Any

from inference.messages import Add, ChatPrompt, JsonFormat, Tools
from inference.runner.call_forms import body_of, functions_of
from inference.runner.form import Form, Part, Tag, lacking
from inference.runner.members import NoForm
from inference.runner.unusable import Unusable

NO_SCHEMA = (
    "The parameters of a tool are no JSON schema: something in them has a value of a type that it cannot have, such as "
    "properties that are no object."
)

logger = logging.getLogger(__name__)


def form_of(row: Add, tokenizer: Any, *, thinking: bool) -> Form | None:
    """None: any. `thinking`: the prompt has opened it. Raises Unusable if this model cannot be held to it."""
    tools = row.prompt.tools if isinstance(row.prompt, ChatPrompt) else None
    if row.format is None and (tools is None or not _holds(tools)):
        return None
    if tokenizer.response_transitions or tokenizer.structural_markers:
        raise _not_held(
            row.format, tools, "sets its answers apart in a way that cannot be held to a form here"
        )
    form = Form()
    form.rule("start", f"{_thought(form, tokenizer, thinking, tools)} {_answer(form, tokenizer, row, tools)}")
    return form


def _holds(tools: Tools) -> bool:
    return tools.required or any(tool["function"].get("strict") for tool in tools.functions)


def _thought(form: Form, tokenizer: Any, begun: bool, tools: Tools | None) -> str:
    """What may stand before the answer: a thought to its end; nothing, in a model that does not think."""
    if not tokenizer.has_thinking:
        return ""
    begin = Tag(tokenizer.think_start, tuple(tokenizer.think_start_tokens))
    end = Tag(tokenizer.think_end, tuple(tokenizer.think_end_tokens))
    # A call that begins in a thought would be one, and would be held to nothing.
    text = "TEXT" if tools is None else f"TEXT & {lacking(tokenizer.tool_call_start)}"
    thought = f"{form.until(end, text)} lines"
    return thought if begun else f"({form.tag(begin)} {thought})?"


def _answer(form: Form, tokenizer: Any, row: Add, tools: Tools | None) -> str:
    json = None if row.format is None else form.part(Part(row.format.schema, row.format.param))
    if tools is None:
        return json or "TEXT"
    start, body, ended = _call(form, tokenizer, row, tools)
    if tools.required or json is not None:
        call = f"{form.tag(start)} {body}"
        calls = f"{call} (lines {call})*" if tools.parallel and ended else call
        return form.rule("answer", calls, *([json] if json is not None and not tools.required else []))
    # Text and calls, as the model likes.
    call = f"{form.until(start)} {body}"
    return form.rule("answer", f"({call})* TEXT" if ended else f"({call})? | TEXT")


def _call(form: Form, tokenizer: Any, row: Add, tools: Tools) -> tuple[Tag, str, bool]:
    """The tag that begins calls, a rule for all up to the one that ends them, and whether there is such a one."""

    def tag(text: str) -> Tag:
        token = tokenizer.convert_tokens_to_ids(text)
        return Tag(text, () if token in (None, tokenizer.unk_token_id) else (token,))

    body = body_of(tokenizer, tag)
    if body is None:
        raise _not_held(row.format, tools, "writes calls in a form that cannot be held to a schema here")
    start = _call_start(tokenizer)
    try:
        inner = body(form, functions_of(tools.functions, tools.only), tag, tools.parallel)
    except NoForm as error:
        raise Unusable("unsupported_value", str(error), "tools") from error
    except RecursionError:
        raise Unusable("invalid_schema", "The parameters of a tool are nested too deeply.", "tools") from None
    except (AttributeError, TypeError) as error:
        logger.warning("%s: the parameters of a tool cannot be read: %s", row.id, error)
        raise Unusable("invalid_schema", NO_SCHEMA, "tools") from None
    if not tokenizer.tool_call_end:
        return start, inner, False
    end = form.tag(Tag(tokenizer.tool_call_end, tuple(tokenizer.tool_call_end_tokens)))
    return start, form.rule("call", f"{inner} {end}"), True


def _call_start(tokenizer: Any) -> Tag:
    return Tag(tokenizer.tool_call_start, tuple(tokenizer.tool_call_start_tokens))


def _not_held(format: JsonFormat | None, tools: Tools | None, does: str) -> Unusable:
    if tools is not None and tools.required:
        remedy, param = 'Set tool_choice to "auto" or "none"', "tool_choice"
    elif format is not None:
        remedy, param = "Leave response_format out", "response_format"
        remedy += ", or the tools" if tools is not None else ""
    else:
        assert tools is not None
        strict = next(index for index, tool in enumerate(tools.functions) if tool["function"].get("strict"))
        remedy, param = "Leave strict out", f"tools[{strict}].function.strict"
    return Unusable("unsupported_value", f"This model {does}. {remedy}, or ask another model.", param)
