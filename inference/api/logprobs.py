"""Log-probabilities as OpenAI writes them: of a chat, and of a completion."""

from typing import Any

from inference.messages import TokenLogprob


def of_chat(told: list[TokenLogprob] | None) -> dict[str, Any] | None:
    if told is None:
        return None
    content = [
        _entry(one.token, one.logprob)
        | {"top_logprobs": [_entry(token, logprob) for token, logprob in one.likeliest]}
        for one in told
    ]
    return {"content": content, "refusal": None}


def of_completion(told: list[TokenLogprob] | None) -> dict[str, Any] | None:
    """`top_logprobs` has the chosen token beside the likeliest: one more than was asked for if it is none of them."""
    if told is None:
        return None
    return {
        "tokens": [_name(one.token) for one in told],
        "token_logprobs": [one.logprob for one in told],
        "top_logprobs": [_by_name([*one.likeliest, (one.token, one.logprob)]) for one in told],
        "text_offset": [one.offset for one in told],
    }


def _entry(token: bytes, logprob: float) -> dict[str, Any]:
    return {"token": _text(token), "logprob": logprob, "bytes": list(token)}


def _text(token: bytes) -> str:
    """Bytes that are no text are written as \\xe2\\x80."""
    return token.decode("utf-8", "backslashreplace")


def _name(token: bytes) -> str:
    """A completion has no list of bytes beside the name, so OpenAI's says what these are."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return f"bytes:{_text(token)}"


def _by_name(pairs: list[tuple[bytes, float]]) -> dict[str, float]:
    """Of tokens that are written alike the likeliest, which comes first."""
    found: dict[str, float] = {}
    for token, logprob in pairs:
        found.setdefault(_name(token), logprob)
    return found
