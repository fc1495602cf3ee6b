"""What a row may say: a JSON schema, compiled by llguidance to the tokens that can come next."""

import logging
from collections.abc import Sequence
from typing import Any

import llguidance.hf
import mlx.core as mx
import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from inference.runner import schema
from inference.runner.form import SPACE, Form, Part
from inference.runner.unusable import Unusable

OPTIONS: dict[str, Any] = {
    "item_separator": ",",
    "key_separator": ":",
    "whitespace_pattern": SPACE,
    "coerce_one_of": False,
    "lenient": False,
}
# With forcing, a text that can only go on in one way is tokenized ahead: "<|im_end|>" in a const to the end token.
HEAD = '%llguidance {"no_forcing": true}\n'
LIMITS = LLParserLimits(
    max_lexer_states=20_000,  # 1 to 2 kB each, in every row
    max_items_in_row=6_000,  # four for each property that need not come; `schema` allows a thousand
    verbose_errors=False,
)
MOST_WORDS = 300  # of an error, in characters
NOTHING_FITS = "no text that this model can make fits it"
CANNOT_CONSTRAIN = (
    "This model cannot keep a format: its tokenizer is of a kind that answers cannot be constrained with. Leave "
    "response_format out, or ask another model."
)

logger = logging.getLogger(__name__)


class Grammar:
    """A logits processor of one row. It is called once for every token, the first time before there is one.

    A call takes 40 to 90 µs of one core, whether of 1,000 tokens or of 150,000; 5 ms at the bounds of `schema`.
    """

    def __init__(self, matcher: LLMatcher, param: str, ends: Sequence[int]) -> None:
        self._matcher = matcher
        self._ends = [*ends]
        self._param = param
        self._begun = False
        self.failure: Unusable | None = None  # from the next token on nothing is promised

    def __call__(self, tokens: mx.array, logits: mx.array) -> mx.array:
        """`tokens`: all up to the one that these logits follow. `logits`: (1, vocabulary)."""
        # The device computes them while this thread works on the mask.
        mx.async_eval(logits)  # type: ignore[no-untyped-call]
        if self._begun:
            last: Any = tokens[-1].item()
            self._matcher.consume_token(last)
        self._begun = True
        if self.failure is not None:
            return logits
        try:
            return mx.where(mx.array(self.allowed(logits.shape[-1])), logits, -mx.inf)
        except Unusable as failure:
            self.failure = failure
            return logits

    def allowed(self, vocabulary: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """For each token whether it may come next: at least one, at the end the end token alone. Raises Unusable."""
        mask = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        bits = np.unpackbits(mask, bitorder="little", count=vocabulary).view(np.bool_)
        if self._matcher.is_error():
            raise _unkeepable(self._matcher.get_error(), self._param)
        if not self._matcher.is_accepting():
            # In some models a word ends the answer, too: within a text it would cut it.
            bits[[end for end in self._ends if end < vocabulary]] = False
        if not bits.any():
            raise _unkeepable(NOTHING_FITS, self._param)
        return bits


def constraining(tokenizer: Any) -> LLTokenizer | None:
    """The tokenizer as llguidance needs it. None where it cannot read it: a slow one, or none of transformers'.

    It takes 0.2 s for 49,000 tokens and 0.7 s for 150,000, in which all of Python stands still.
    """
    try:
        return llguidance.hf.from_tokenizer(
            tokenizer._tokenizer,
            eos_token=sorted(tokenizer.eos_token_ids),
            slices=LLTokenizer.json_slices(),
        )
    except Exception as error:
        logger.warning("answers cannot be constrained with this tokenizer: %s", error)
        return None


def compiled(form: Form, tokenizer: LLTokenizer | None, ends: Sequence[int] = ()) -> Grammar:
    """`ends`: the tokens that end an answer. Raises Unusable.

    Takes 1 to 10 ms, and half a second at the bounds of `schema`; touches no mlx.
    """
    if tokenizer is None:
        raise Unusable("format_not_supported", CANNOT_CONSTRAIN, form.param)
    schemas = [_kept(part) for part in form.parts]
    try:
        if len(schemas) > 1:
            schema.checked(f'{{"all": [{",".join(schemas)}]}}', OPTIONS)
        matcher = _matcher(tokenizer, form.lark(schemas, tokenizer.is_special_token))
    except (schema.Unkeepable, ValueError) as error:
        raise _unkeepable(str(error), form.param) from error
    grammar = Grammar(matcher, form.param, ends)
    grammar.allowed(tokenizer.vocab_size)  # a schema that nothing fits compiles
    return grammar


def _kept(part: Part) -> str:
    """Its schema as it may be compiled. Raises Unusable."""
    try:
        text = schema.checked(part.schema, OPTIONS)
        _validate(text)
    except RecursionError:
        raise _unkeepable("It is nested too deeply.", part.param) from None
    except (schema.Unkeepable, ValueError) as error:
        if not part.strict:
            return schema.checked(part.otherwise, OPTIONS)
        raise _unkeepable(str(error), part.param) from error
    return text


def _validate(text: str) -> None:
    """Raises ValueError."""
    grammar = LLMatcher.grammar_from_json_schema(text)
    error = LLMatcher.validate_grammar(grammar, limits=LIMITS)
    if error and not error.startswith("WARNING"):
        raise ValueError(error)


def _matcher(tokenizer: LLTokenizer, lark: str) -> LLMatcher:
    """Raises ValueError if it cannot be compiled."""
    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(HEAD + lark), log_level=0, limits=LIMITS)
    if matcher.is_error():
        raise ValueError(matcher.get_error())
    return matcher


def _unkeepable(error: str, param: str) -> Unusable:
    """`error`: llguidance's words, or ours."""
    words = " ".join(error.replace("<non-verbose/>", "").split()).rstrip(".")
    if words.startswith("NoExtension"):
        words = NOTHING_FITS
    words = words if len(words) <= MOST_WORDS else words[:MOST_WORDS] + " …"
    return Unusable("invalid_schema", f"{param} cannot be kept: {words}. Change it, or leave it out.", param)
