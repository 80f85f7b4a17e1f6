import pytest

from dunlin.domain.rules.addressee import Concerned, addressee

OWN, OTHER, THIRD = 2, 1, 3

TABLE = {
    "only the address's own is concerned": ([Concerned(OWN, False, None)], OWN),
    "nobody knows the writer": ([Concerned(OTHER, False, None), Concerned(OWN, False, None)], OWN),
    "only another knows the writer": ([Concerned(OTHER, True, None), Concerned(OWN, False, None)], OTHER),
    "both know the writer, neither has texted": ([Concerned(OTHER, True, None), Concerned(OWN, True, None)], OWN),
    "another has texted": ([Concerned(OTHER, True, 7), Concerned(OWN, True, None)], OTHER),
    "both have texted": ([Concerned(OTHER, True, 7), Concerned(OWN, True, 8)], OWN),
    "another has texted later": ([Concerned(OTHER, True, 9), Concerned(OWN, True, 8)], OTHER),
    "two others know the writer": (
        [Concerned(THIRD, True, None), Concerned(OTHER, True, None), Concerned(OWN, False, None)],
        OTHER,
    ),
}


@pytest.mark.parametrize(("concerned", "expected"), TABLE.values(), ids=TABLE.keys())
def test_a_text_is_meant_for_who_texted_the_writer_last(concerned: list[Concerned], expected: int) -> None:
    assert addressee(concerned, own=OWN) == expected
    assert addressee(concerned[::-1], own=OWN) == expected
