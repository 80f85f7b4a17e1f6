"""How many segments a text takes, as carriers bill it."""

from collections.abc import Iterable

# 3GPP TS 23.038: the default alphabet, and its extension, whose characters take two septets.
_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM7_EXTENSION = frozenset("^{}\\[~]|€\f")


def is_gsm7(text: str) -> bool:
    """Return whether every character is in the seven-bit alphabet; one that is not makes it all UCS-2."""
    return all(character in _GSM7 or character in _GSM7_EXTENSION for character in text)


def count_segments(text: str) -> int:
    """Return the number of segments, at least 1.

    A sequence of Unicode characters that show as one (a flag, a family) may be split here.
    """
    if is_gsm7(text):
        return _pack([2 if character in _GSM7_EXTENSION else 1 for character in text], alone=160, linked=153)
    return _pack([2 if ord(character) > 0xFFFF else 1 for character in text], alone=70, linked=67)


def _pack(sizes: Iterable[int], alone: int, linked: int) -> int:
    sizes = list(sizes)
    if sum(sizes) <= alone:
        return 1
    segments, room = 1, linked
    for size in sizes:
        # Both halves of a character travel in the same segment, even if that wastes a unit.
        if size > room:
            segments, room = segments + 1, linked
        room -= size
    return segments
