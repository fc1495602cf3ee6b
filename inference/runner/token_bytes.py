"""The bytes that a token stands for in a text: half a character cannot be told as text."""

from collections.abc import Callable
from typing import Any

from mlx_lm.tokenizer_utils import BPEStreamingDetokenizer, SPMStreamingDetokenizer

TokenBytes = Callable[[int], bytes]

_PRINTABLE = {*range(33, 127), *range(161, 173), *range(174, 256)}
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]
_BYTE_OF = {chr(byte): byte for byte in _PRINTABLE} | {chr(256 + i): byte for i, byte in enumerate(_OTHERS)}
"""How byte-level BPE writes a byte, as GPT-2 began it: as itself if it can be seen, else as one from 256 on."""


def token_bytes(tokenizer: Any) -> TokenBytes:
    """For a tokenizer as mlx_lm wraps it. A token beyond its vocabulary has none."""
    detokenizer = tokenizer.detokenizer
    if isinstance(detokenizer, BPEStreamingDetokenizer):
        return lambda token: _byte_level(_entry(detokenizer.tokenmap, token))
    if isinstance(detokenizer, SPMStreamingDetokenizer):
        return lambda token: bytes(_entry(detokenizer.tokenmap, token) or b"").replace("▁".encode(), b" ")
    return lambda token: str(tokenizer.decode([token])).encode()


def _entry(tokenmap: list[Any], token: int) -> Any:
    return tokenmap[token] if token < len(tokenmap) else None


def _byte_level(written: str | None) -> bytes:
    """A character that stands for no byte is one of an added token, and stands for itself."""
    pieces = (bytes([_BYTE_OF[c]]) if c in _BYTE_OF else c.encode() for c in written or "")
    return b"".join(pieces)
