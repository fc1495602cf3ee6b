"""Whatever way a stream of bytes is cut, its frames are the same."""

from hypothesis import given
from hypothesis import strategies as st

from inference.frames import Frames, framed


@given(st.lists(st.binary(max_size=20)), st.lists(st.integers(0, 200)))
def test_frames_are_whole_wherever_the_stream_is_cut(contents: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(framed, contents))
    frames = Frames()
    begins = [0, *sorted(cuts)]
    found = [
        frame
        for begin, end in zip(begins, [*begins[1:], len(stream)], strict=True)
        for frame in frames.feed(stream[begin:end])
    ]
    assert found == contents


def test_a_frame_may_be_empty_or_large() -> None:
    contents = [b"", b"x" * 1_000_000, b""]
    assert Frames().feed(b"".join(map(framed, contents))) == contents
