"""What a returned direct debit asks for, by its reason: the ISO 20022 code that the bank gives.

Meanings: the SEPA rulebooks' R-transactions, as banks publish them. The reactions are ours, and each organization may
choose others; only that of MD07 stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from dunlin.domain.choices import ReturnReaction
from dunlin.domain.errors import Problem, ProblemCode

DECEASED = "MD07"


@dataclass(frozen=True, slots=True)
class ReturnReason:
    code: str
    meaning: str
    reaction: ReturnReaction


_REMIND = ReturnReaction.REMIND
_MANDATE = ReturnReaction.ASK_FOR_MANDATE
_PERSON = ReturnReaction.PERSON_FIRST

RETURN_REASONS = (
    ReturnReason("AC01", "The account number is wrong.", _MANDATE),
    ReturnReason("AC04", "The account is closed.", _MANDATE),
    ReturnReason("AC06", "The account is blocked for direct debits.", _MANDATE),
    ReturnReason("AG01", "The account does not allow direct debits.", _MANDATE),
    ReturnReason("AG02", "The bank file has a wrong operation code.", _PERSON),
    # Others may read the phone: a text never says that the account was empty.
    ReturnReason("AM04", "There was not enough money on the account.", _REMIND),
    ReturnReason("AM05", "The amount was collected twice; it may be paid already.", _PERSON),
    ReturnReason("BE05", "The creditor's identifier is wrong.", _PERSON),
    ReturnReason("DNOR", "The debtor's bank is not known.", _PERSON),
    ReturnReason("FF01", "The bank file is malformed.", _PERSON),
    ReturnReason("FF05", "The kind of direct debit is wrong.", _PERSON),
    ReturnReason("MD01", "There is no valid mandate.", _MANDATE),
    ReturnReason("MD02", "Data of the mandate are missing or wrong.", _PERSON),
    ReturnReason("MD06", "The debtor asked for the money back.", _PERSON),
    ReturnReason(DECEASED, "The debtor has died.", ReturnReaction.NEVER),
    # Some banks give it in place of any other reason, for the sake of data protection.
    ReturnReason("MS02", "The debtor refused, without a reason.", _PERSON),
    ReturnReason("MS03", "The bank gives no reason.", _REMIND),
    ReturnReason("RC01", "The bank's code is wrong.", _PERSON),
    ReturnReason("RR01", "The debtor's account or identification is missing.", _PERSON),
    ReturnReason("RR02", "The debtor's name or address is missing.", _PERSON),
    ReturnReason("RR03", "The creditor's name or address is missing.", _PERSON),
    ReturnReason("RR04", "A regulatory reason.", _PERSON),
    ReturnReason("SL01", "The debtor's bank blocks this creditor or amount, by the debtor's wish.", _REMIND),
)
BY_CODE = {reason.code: reason for reason in RETURN_REASONS}


WHY_DECEASED = "The debtor has died (MD07): no reminder is sent, and a person must look."


@dataclass(frozen=True, slots=True)
class Opening:
    """How a case begins. `attention`: why a person must look. A paused one waits for that person."""

    reaction: ReturnReaction
    attention: str | None = None
    is_paused: bool = False


def opening_of(code: str | None, chosen: Mapping[str, ReturnReaction], *, is_refund: bool = False) -> Opening:
    """Return how a case with this return reason begins; `chosen` are the organization's own reactions by code.

    A refund that the debtor asked for is contested: without a choice of the organization, a person comes first.
    """
    if code is None:
        return Opening(ReturnReaction.REMIND)
    if code == DECEASED:
        return Opening(ReturnReaction.NEVER, WHY_DECEASED, is_paused=True)
    known = BY_CODE.get(code)
    told = f"{code}: {known.meaning}" if known else f"{code}."
    if code in chosen:
        reaction = chosen[code]
    elif is_refund:
        reaction, told = ReturnReaction.PERSON_FIRST, f"{told} The debtor had it refunded."
    elif known is not None:
        reaction = known.reaction
    else:
        return Opening(ReturnReaction.REMIND, f"The return reason {code} is not known here: a person must look.")
    match reaction:
        case ReturnReaction.REMIND | ReturnReaction.ASK_FOR_MANDATE:
            return Opening(reaction)
        case ReturnReaction.PERSON_FIRST:
            wanted = "A person decides first; resume the case to let its reminders go."
            return Opening(reaction, f"{told} {wanted}", is_paused=True)
        case ReturnReaction.NEVER:
            return Opening(reaction, f"{told} No reminder is sent for it, and a person must look.", is_paused=True)
        case _ as never:
            assert_never(never)


def why_never(code: str | None, reaction: ReturnReaction, *, is_deceased: bool) -> str | None:
    """Return why nothing may ever be sent for a case, in a sentence; None where something may."""
    if is_deceased or code == DECEASED:
        return WHY_DECEASED
    if reaction is ReturnReaction.NEVER:
        return f"No reminder is ever sent for a case with the return reason {code}."
    return None


def check_choice(code: str) -> list[Problem]:
    """Return what is wrong with the code that an organization chooses a reaction for."""
    if code == DECEASED:
        message = "MD07 says that the debtor has died: no reminder may ever be sent, and nothing else can be chosen."
        return [Problem(ProblemCode.INVALID, message, ("code",))]
    if len(code) != 4 or not code.isascii() or not code.isalnum() or code != code.upper():
        message = "A return reason is an ISO 20022 code of four capital letters and digits, such as AM04."
        return [Problem(ProblemCode.INVALID, message, ("code",))]
    return []
