import pytest

from dunlin.domain.choices import ReturnReaction
from dunlin.domain.rules.return_reason import RETURN_REASONS, WHY_DECEASED, check_choice, opening_of, why_never

REMIND, MANDATE = ReturnReaction.REMIND, ReturnReaction.ASK_FOR_MANDATE
PERSON, NEVER = ReturnReaction.PERSON_FIRST, ReturnReaction.NEVER

USUAL = {
    "AC01": MANDATE,
    "AC04": MANDATE,
    "AC06": MANDATE,
    "AG01": MANDATE,
    "MD01": MANDATE,
    "AM04": REMIND,
    "MS03": REMIND,
    "SL01": REMIND,
    **dict.fromkeys(("MD06", "MS02", "AM05", "MD02", "AG02", "BE05", "DNOR", "FF01", "FF05", "RC01"), PERSON),
    **dict.fromkeys(("RR01", "RR02", "RR03", "RR04"), PERSON),
    "MD07": NEVER,
}


def test_the_table_is_whole() -> None:
    assert {reason.code: reason.reaction for reason in RETURN_REASONS} == USUAL
    assert len(RETURN_REASONS) == len(USUAL)


@pytest.mark.parametrize(("code", "reaction"), USUAL.items())
def test_every_reason_has_its_reaction(code: str, reaction: ReturnReaction) -> None:
    opening = opening_of(code, {})

    assert opening.reaction is reaction
    assert opening.is_paused == (reaction in (PERSON, NEVER))
    assert (opening.attention is not None) == opening.is_paused
    assert opening.attention is None or code in opening.attention


def test_a_case_that_is_no_return_reminds() -> None:
    assert opening_of(None, {"AM04": PERSON}).reaction is REMIND


def test_a_reason_that_nobody_knows_reminds_and_a_person_must_look() -> None:
    opening = opening_of("XY99", {})

    assert (opening.reaction, opening.is_paused) == (REMIND, False)
    assert opening.attention == "The return reason XY99 is not known here: a person must look."


@pytest.mark.parametrize("reaction", ReturnReaction)
@pytest.mark.parametrize("code", ["AM04", "MD06", "XY99"])
def test_an_organization_chooses_another_reaction(code: str, reaction: ReturnReaction) -> None:
    opening = opening_of(code, {code: reaction})

    assert opening.reaction is reaction
    assert opening.is_paused == (reaction in (PERSON, NEVER))


@pytest.mark.parametrize("reaction", ReturnReaction)
def test_nobody_chooses_to_text_the_dead(reaction: ReturnReaction) -> None:
    assert [problem.path for problem in check_choice("MD07")] == [("code",)]
    assert opening_of("MD07", {"MD07": reaction}) == opening_of("MD07", {})
    assert why_never("MD07", reaction, is_deceased=False) == WHY_DECEASED
    assert why_never(None, reaction, is_deceased=True) == WHY_DECEASED


@pytest.mark.parametrize("code", ["", "am04", "AM4", "AM041", "AM0\u0661", "A 04"])
def test_what_is_no_code_is_refused(code: str) -> None:
    assert [problem.path for problem in check_choice(code)] == [("code",)]


def test_why_nothing_may_ever_be_sent() -> None:
    assert why_never("AM04", REMIND, is_deceased=False) is None
    assert why_never("MD06", PERSON, is_deceased=False) is None
    assert (
        why_never("MS03", NEVER, is_deceased=False)
        == "No reminder is ever sent for a case with the return reason MS03."
    )


@pytest.mark.parametrize("code", ["MD01", "AM04", "MD06", "XY99"])
def test_a_refund_is_contested_and_a_person_comes_first(code: str) -> None:
    opening = opening_of(code, {}, is_refund=True)

    assert (opening.reaction, opening.is_paused) == (PERSON, True)
    assert opening.attention is not None
    assert "The debtor had it refunded." in opening.attention


def test_an_organizations_own_reaction_counts_for_refunds_too_but_not_for_a_death() -> None:
    assert opening_of("MD01", {"MD01": REMIND}, is_refund=True).reaction is REMIND
    assert opening_of("MD07", {"MD07": REMIND}, is_refund=True).reaction is NEVER
