"""How a text is encoded and how many billed parts it becomes (3GPP TS 23.038 and 23.040)."""

import unicodedata
from collections.abc import Iterator
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
    offending = tuple(c for c in dict.fromkeys(text) if c not in _GSM_7 and c not in _GSM_7_EXTENSION)
    if offending:
        return Encoded(SmsEncoding.UCS_2, _pack(_units(text, joined=67), alone=70, joined=67), offending)
    return Encoded(SmsEncoding.GSM_7, _pack(_septets(text), alone=160, joined=153), ())


def septets_of(text: str) -> int:
    """Return how long `text` is in GSM-7; it holds nothing else."""
    return sum(_septets(text))


def _septets(text: str) -> list[int]:
    return [2 if character in _GSM_7_EXTENSION else 1 for character in text]


def _pack(sizes: list[int], *, alone: int, joined: int) -> int:
    """Count the parts; nothing that has one size here is split over two of them."""
    if sum(sizes) <= alone:
        return 1
    parts, room = 1, joined
    for size in sizes:
        if size > room:
            parts, room = parts + 1, joined
        room -= size
    return parts


def _units(text: str, *, joined: int) -> list[int]:
    """Return the UTF-16 units of each cluster; one that fits no part counts character by character."""
    sizes: list[int] = []
    for cluster in _clusters(text):
        units = [2 if ord(character) > 0xFFFF else 1 for character in cluster]
        sizes += [sum(units)] if sum(units) <= joined else units
    return sizes


def _clusters(text: str) -> Iterator[str]:
    """Cut `text` into what a reader sees as one character: UAX #29, as far as it occurs in composed text."""
    cluster = ""
    for character in text:
        if cluster and not _continues(cluster, character):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


_JOINER = "\u200d"


def stands_alone(character: str) -> bool:
    """Return whether a character is a cluster of its own, whatever stands beside it, a joiner excepted."""
    return not _follows(character) and not _is_flag_half(character)


def _follows(character: str) -> bool:
    if character in ("\u200c", _JOINER) or unicodedata.category(character).startswith("M"):
        return True
    # A skin tone, a letter of a regional flag.
    return "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f"


def _continues(cluster: str, character: str) -> bool:
    if _follows(character):
        return True
    if cluster.endswith(_JOINER):
        return unicodedata.category(character).startswith("S")
    return _is_flag_half(cluster) and _is_flag_half(character)


def _is_flag_half(cluster: str) -> bool:
    return len(cluster) == 1 and "\U0001f1e6" <= cluster <= "\U0001f1ff"
