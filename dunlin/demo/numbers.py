"""The telephone numbers of the demo: those that countries keep for fiction, and a carrier's test numbers.

No such range was found for Belgium (BIPT) and Finland (Traficom). Their customers therefore have numbers of a
neighbor: border and expat customers. Do not invent numbers instead: somebody answers them.
"""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class ReservedRange:
    """Numbers that a country keeps for fiction: `prefix` (E.164) and a last part from `first` to `last`."""

    prefix: str
    first: str
    last: str
    source: str

    def __contains__(self, number: str) -> bool:
        end = number.removeprefix(self.prefix)
        return (
            number.startswith(self.prefix)
            and len(end) == len(self.first)
            and end.isascii()
            and end.isdigit()
            and self.first <= end <= self.last
        )

    def numbers(self) -> list[str]:
        return [f"{self.prefix}{end:0{len(self.first)}}" for end in range(int(self.first), int(self.last) + 1)]


RESERVED = {
    "GB": (
        ReservedRange(
            "+447700900",
            "000",
            "999",
            "Ofcom, Numbers for use in TV and radio drama programmes: mobile 07700 900000 to 900999",
        ),
    ),
    "FR": (
        ReservedRange(
            "+3363998",
            "0000",
            "9999",
            "Arcep, decision 2018-0881, numbers for audiovisual works: mobile 06 39 98 00 00 to 99 99",
        ),
    ),
    "DE": (
        ReservedRange(
            "+4917139200",
            "00",
            "99",
            "Bundesnetzagentur, Mitteilung 148/2021 (Drama Numbers): 0171 39200 00 to 99",
        ),
        ReservedRange(
            "+49176040690",
            "00",
            "99",
            "Bundesnetzagentur, Mitteilung 148/2021 (Drama Numbers): 0176 040690 00 to 99",
        ),
    ),
    "SE": (
        ReservedRange(
            "+46701740",
            "605",
            "699",
            "PTS, Telefonnummer för användning i böcker och filmer: 070-174 06 05 to 06 99",
        ),
    ),
}

# With these a visitor sees failures too, and the same ones each time: dunlin/sandbox/magic.py. The first two are
# Twilio's own (https://www.twilio.com/docs/iam/test-credentials); the others mean something to our sandbox only.
NOT_A_NUMBER = "+15005550001"
OPTED_OUT = "+15005550004"
OUT_OF_REACH = "+15005550030"
NOT_IN_USE = "+15005550050"
TEST_NUMBERS = (OUT_OF_REACH, NOT_A_NUMBER, NOT_IN_USE, OPTED_OUT)


def rings_nowhere(number: str) -> bool:
    """Return whether `number` (E.164) is one that the demo may use."""
    return number in TEST_NUMBERS or any(number in range_ for ranges in RESERVED.values() for range_ in ranges)


def draw_numbers(countries: dict[str, int], random: Random) -> list[str]:
    """Return different numbers in random order: of each country as many as `countries` asks for."""
    drawn = [
        number
        for country, count in countries.items()
        for number in random.sample([n for range_ in RESERVED[country] for n in range_.numbers()], count)
    ]
    random.shuffle(drawn)
    return drawn
