"""How a text is encoded and how many billed parts it becomes (3GPP TS 23.038 and 23.040)."""

from dataclasses import dataclass

from dunlin.domain.choices import SmsEncoding

_GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_7_EXTENSION = frozenset("^{}\\[~]|€\f")  # an escape and a character: two septets


@dataclass(frozen=True, slots=True)
class Encoded:
    encoding: SmsEncoding
    segments: int
    offending_characters: tuple[str, ...]  # what forces UCS-2, each once, in the order of the text


def encode(text: str) -> Encoded:
    """Return encoding and segments of `text`, which should be in Unicode's composed form (NFC)."""
    offending = tuple(dict.fromkeys(c for c in text if c not in _GSM_7 and c not in _GSM_7_EXTENSION))
    if offending:
        units = [2 if ord(character) > 0xFFFF else 1 for character in text]
        return Encoded(SmsEncoding.UCS_2, _pack(units, alone=70, joined=67), offending)
    septets = [2 if character in _GSM_7_EXTENSION else 1 for character in text]
    return Encoded(SmsEncoding.GSM_7, _pack(septets, alone=160, joined=153), ())


def _pack(sizes: list[int], *, alone: int, joined: int) -> int:
    """Count the parts; a character of two units is never split over two of them."""
    if sum(sizes) <= alone:
        return 1
    parts, room = 1, joined
    for size in sizes:
        if size > room:
            parts, room = parts + 1, joined
        room -= size
    return parts
