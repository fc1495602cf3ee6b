"""The forms of calls with tags around their arguments, and how each one's parser reads what stands there."""

from collections.abc import Sequence
from typing import Any

from mlx_lm.tool_parsers import glm47, minicpm5, minimax_m2, qwen3_coder

from inference.runner.tagged_calls import Dialect, Way

NULLS = ("null", "none", "nil")  # to those whose ways are MiniMax's


def _qwen(property: dict[str, Any], type: str, types: set[str]) -> Sequence[Way]:
    """By the one type that it names. Of several it tries Python's literals, and of none lists and objects alone."""
    said = property.get("type")
    if type == "null":
        return ["json"]
    if isinstance(said, list):
        ways: dict[str, Sequence[Way]] = {
            "string": ["words", "json"],
            "integer": ["json"],
            "number": ["json"],
            "boolean": ["truth"],
        }
        return ways.get(type, [])
    if said is None:
        ways = {
            "any": ["plain"] if property else ["text"],
            "string": ["plain"],
            "object": ["json"],
            "array": ["json"],
        }
        return ways.get(type, [])
    return ["text"] if type == "string" else ["json"]


def _glm(property: dict[str, Any], type: str, types: set[str]) -> Sequence[Way]:
    """Text if that is the one type, else JSON, else a literal of Python's, else text."""
    if property.get("type") == "string":
        return ["text"]
    return ["words", "json"] if type in ("string", "any") else ["json"]


def _minimax(property: dict[str, Any], type: str, types: set[str]) -> Sequence[Way]:
    """The first of its types that a text can be read as; what a reference leads to it does not see."""
    if type in ("string", "any"):
        return ["text"] if types <= {type, "null"} else []
    union = [*property.get("anyOf", []), *property.get("oneOf", [])]
    unseen = any("$ref" in each for each in (property, *union) if isinstance(each, dict))
    return [] if (unseen and type != "null") or (types & {"string", "any"} and type != "null") else ["json"]


QWEN = Dialect(
    qwen3_coder,
    head="<function={}>",
    opening=("<parameter={}>\n",),
    closing="\n</parameter>",
    tail="</function>",
    never=("</parameter>", "</tool_call>"),
    ways=_qwen,
    trimmed=False,
)
GLM = Dialect(
    glm47,
    head="{}",
    opening=("<arg_key>{}</arg_key>", "<arg_value>"),
    closing="</arg_value>",
    tail="",
    never=("</arg_value>", "</tool_call>"),
    ways=_glm,
)
MINIMAX = Dialect(
    minimax_m2,
    head='<invoke name="{}">',
    opening=('<parameter name="{}">',),
    closing="</parameter>",
    tail="</invoke>",
    never=("</parameter>", "</invoke>", "</minimax:tool_call>"),
    ways=_minimax,
    nulls=NULLS,
    several=True,
)
MINICPM = Dialect(
    minicpm5,
    head='"{}">',
    opening=('<param name="{}">',),
    closing="</param>",
    tail="",
    never=("</param>", "</function>"),
    ways=_minimax,
    nulls=NULLS,
    quotes=("<![CDATA[", "]]>"),
)
