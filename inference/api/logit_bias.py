"""`logit_bias` as OpenAI takes it: an object from a token's number to what is added to its logit."""

from typing import Any

from inference.errors import InvalidRequest

MOST_BIAS = 100
MOST_TOKENS = 10_000  # 30 ms to read, in which nobody else is served


def read(value: dict[str, Any] | None) -> tuple[tuple[int, float], ...]:
    """Pairs of token and bias. Raises InvalidRequest; whether the model has such a token, its runner knows."""
    value = value or {}
    if len(value) > MOST_TOKENS:
        raise _wrong(f"logit_bias names {len(value)} tokens; {MOST_TOKENS} are the most.")
    return tuple((_token(token), _bias(token, bias)) for token, bias in value.items())


def _token(written: str) -> int:
    if written.isascii() and written.isdecimal() and str(number := int(written[:12])) == written:
        return number
    raise _wrong(f'logit_bias names {written[:40]!r}; give the numbers of tokens, as in {{"50256": -100}}.')


def _bias(token: str, bias: object) -> float:
    if type(bias) in (int, float) and -MOST_BIAS <= bias <= MOST_BIAS:  # type: ignore[operator]
        return float(bias)  # type: ignore[arg-type]
    raise _wrong(f"logit_bias gives the token {token} no number from -{MOST_BIAS} to {MOST_BIAS}.")


def _wrong(message: str) -> InvalidRequest:
    return InvalidRequest(message, param="logit_bias", code="invalid_value")
