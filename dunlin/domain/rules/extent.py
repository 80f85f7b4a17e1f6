"""How large any of many texts can become: what bounds a part of a message before it is known.

A part is either all the texts that it can be, or an `Extent` that none of them exceeds.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from dunlin.domain.choices import SmsEncoding
from dunlin.domain.rules.segments import encode, septets_of, stands_alone
from dunlin.domain.rules.texts import MAX_SENT, as_sent, composed

# What Unicode 15 does to a text at most; a test goes through all of its characters.
_DECOMPOSED = 6  # UTF-16 units that one character becomes: U+1D160
_RECOMPOSED = 4  # the same of a character that composing leaves alone, or of its other case: U+1FAF
_REOPENED = 3  # units by which the last of them grows when marks follow that go in between
_CASED = 3  # characters that one becomes in another case: U+FB04

_MANY = 512  # texts told apart; beyond that they are only measured
_CLUSTERS = 67  # units: a cluster that fits no segment is split


@dataclass(frozen=True, slots=True)
class Extent:
    """Bounds of texts. `widest` is the largest cluster in UTF-16 units, 67 where nothing bounds it.

    `characters` counts before composing, `units` (UTF-16) and `septets` after it. `each` bounds the units of one
    character when the rest of its text is cut off.
    """

    characters: int
    units: int
    septets: int
    each: int
    widest: int
    is_gsm: bool


Part: TypeAlias = frozenset[str] | Extent


@dataclass(frozen=True, slots=True)
class Size:
    encoding: SmsEncoding
    segments: int


NOTHING: Part = frozenset({""})
ANYTHING = Extent(MAX_SENT, 2 * MAX_SENT, 2 * MAX_SENT, _RECOMPOSED, _CLUSTERS, is_gsm=False)


def anything_composed(characters: int) -> Extent:
    """Return the bound of all texts of so many characters in composed form."""
    return Extent(characters, 2 * characters, 2 * characters, 2, _CLUSTERS, is_gsm=False)


def joined(first: Part, second: Part) -> Part:
    """Bound any of the first with any of the second behind it."""
    if isinstance(first, frozenset) and isinstance(second, frozenset) and len(first) * len(second) <= _MANY:
        return frozenset(one + other for one in first for other in second)
    before, after = extent_of(first), extent_of(second)
    is_closed = after.widest < _CLUSTERS
    return Extent(
        characters=before.characters + after.characters,
        units=before.units + after.units + (0 if is_closed else _REOPENED),
        septets=before.septets + after.septets,
        each=max(before.each, after.each, 0 if is_closed else _RECOMPOSED),
        widest=max(before.widest, after.widest),
        is_gsm=before.is_gsm and after.is_gsm,
    )


def either(first: Part, second: Part) -> Part:
    """Bound any of both."""
    if isinstance(first, frozenset) and isinstance(second, frozenset) and len(first) + len(second) <= _MANY:
        return first | second
    one, other = extent_of(first), extent_of(second)
    return Extent(
        characters=max(one.characters, other.characters),
        units=max(one.units, other.units),
        septets=max(one.septets, other.septets),
        each=max(one.each, other.each),
        widest=max(one.widest, other.widest),
        is_gsm=one.is_gsm and other.is_gsm,
    )


def in_case(part: Part, change: Callable[[str], str]) -> Part:
    """Bound `part` in upper or lower case, or capitalized."""
    if isinstance(part, frozenset):
        return frozenset(map(change, part))
    each = _RECOMPOSED if part.each <= _RECOMPOSED else _DECOMPOSED
    units = part.characters * each
    return Extent(part.characters * _CASED, units, 2 * units, each, _CLUSTERS, is_gsm=False)


def cut(part: Part, characters: int | None, end: Part) -> Part:
    """Bound what is left of `part` where it is cut to so many characters, None if that is not known.

    Liquid counts `end` within them; where there is not even room for that, it counts from the wrong side.
    """
    if isinstance(part, frozenset) and isinstance(end, frozenset) and characters is not None:
        return frozenset(_cut(text, characters, tail) for text in part for tail in end)
    whole, tail = extent_of(part), extent_of(end)
    if characters is None or characters < tail.characters:
        return either(part, joined(whole, end))
    return either(_beginning(whole, characters), joined(_beginning(whole, characters - _shortest(end)), end))


def _cut(text: str, characters: int, end: str) -> str:
    return text if len(text) < characters else text[: characters - len(end)] + end


def _shortest(part: Part) -> int:
    return min(map(len, part)) if isinstance(part, frozenset) else 0


def _beginning(whole: Extent, characters: int) -> Extent:
    units = min(whole.units, whole.each * characters)
    return Extent(
        characters=min(whole.characters, characters),
        units=units,
        septets=min(whole.septets, 2 * units),
        each=whole.each,
        widest=whole.widest,
        is_gsm=whole.is_gsm,
    )


@lru_cache(maxsize=1_024)
def extent_of(part: Part) -> Extent:
    if isinstance(part, Extent):
        return part
    texts = [composed(text.replace("\u00a0", " ").replace("\u202f", " ")) for text in part]
    is_composed = all(unicodedata.is_normalized("NFC", text) for text in part)
    stand_alone = all(stands_alone(character) for text in texts for character in text)
    units = max(_units(text) for text in texts)
    is_wide = any(character > "\uffff" for text in texts for character in text)
    return Extent(
        characters=max(map(len, part)),
        units=units,
        septets=max(septets_of(text) for text in texts),
        each=2 if is_composed else _DECOMPOSED,
        widest=(1 + is_wide) if stand_alone else _CLUSTERS,
        is_gsm=all(encode(text).encoding is SmsEncoding.GSM_7 for text in texts),
    )


def _units(text: str) -> int:
    return sum(2 if character > "\uffff" else 1 for character in text)


def worst_size(part: Part) -> Size:
    """Return an encoding and a number of segments that none of these texts exceeds once sent."""
    if isinstance(part, frozenset) and all(len(text) <= MAX_SENT for text in part):
        sizes = [encode(as_sent(text)) for text in part]
        encoding = max((size.encoding for size in sizes), key=lambda found: found is SmsEncoding.UCS_2)
        return Size(encoding, max(size.segments for size in sizes))
    whole = extent_of(part)
    if whole.is_gsm:
        septets = min(whole.septets, 2 * MAX_SENT)
        # 152 of 153: a character of two septets is not split.
        return Size(SmsEncoding.GSM_7, 1 if septets <= 160 else _parts(septets, 152))
    return Size(SmsEncoding.UCS_2, _ucs_2_segments(min(whole.units, 2 * MAX_SENT), whole.widest))


def _ucs_2_segments(units: int, widest: int) -> int:
    if units <= 70:
        return 1
    if widest < _CLUSTERS:
        return _parts(units, 68 - widest)  # the next character did not fit
    # A segment and the cluster that did not fit into it have at least 68 units, so that two segments have.
    pairs, rest = divmod(units, 68)
    return 2 * pairs + (rest > 0)


def _parts(total: int, room: int) -> int:
    return -(-total // room)
