"""Texts that are written without the library are framed as it does."""

import pytest
from websockets.frames import Frame, Opcode

from dunlin.api.bounded_socket import _head


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_text_is_framed_as_the_library_frames_it(length: int) -> None:
    text = b"x" * length

    assert _head(length) + text == Frame(Opcode.TEXT, text).serialize(mask=False)
