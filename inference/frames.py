"""Frames on a stream of bytes: the length of each stands before it, in four bytes."""

import struct

_LENGTH = struct.Struct("<I")


def framed(content: bytes) -> bytes:
    return _LENGTH.pack(len(content)) + content


class Frames:
    """Takes a stream's bytes as they come, and gives the frames that are whole."""

    def __init__(self) -> None:
        self._left = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        if not self._left and _length(data) == len(data):
            return [data[_LENGTH.size :]]  # as it nearly always is
        self._left += data
        frames: list[bytes] = []
        begin = 0
        while (end := begin + _length(self._left, begin)) <= len(self._left):
            frames.append(bytes(self._left[begin + _LENGTH.size : end]))
            begin = end
        del self._left[:begin]
        return frames


def _length(data: bytes | bytearray, begin: int = 0) -> int:
    """Of the frame that begins there, with what stands before it; what is not there yet has at least a length."""
    if len(data) - begin < _LENGTH.size:
        return _LENGTH.size
    return _LENGTH.size + int(_LENGTH.unpack_from(data, begin)[0])
