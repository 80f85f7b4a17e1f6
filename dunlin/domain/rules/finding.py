"""What one check found out about a reminder."""

from dataclasses import dataclass

from dunlin.domain.choices import Check, CheckOutcome

PASSED = {
    Check.DEBTOR: "The debtor is not known to have died.",
    Check.METHOD: "The step has a communication method.",
    Check.INTEGRATION: "The method is connected.",
    Check.CASE: "The case is open and not paused.",
    Check.OPT_OUT: "The customer has not opted out.",
    Check.NUMBER: "The customer has a phone number.",
    Check.EMAIL_ADDRESS: "The customer has an e-mail address.",
    Check.TEXT: "There is a text in a fitting language, and it could be filled in.",
    Check.WINDOW: "The send window is open by every clock that may be the customer's.",
    Check.HOLIDAY: "It is no public holiday where the customer is.",
    Check.MINIMUM_GAP: "No other reminder to the customer is too near.",
    Check.WEEKLY_MAXIMUM: "The customer has had fewer reminders in 7 days than the most that are allowed.",
    Check.SPENDING_LIMIT: "There is money left below the monthly spending limit.",
    Check.PLANNING: "Nothing went wrong on our side.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    check: Check
    outcome: CheckOutcome
    sentence: str


_PASSED = {check: Finding(check, CheckOutcome.PASSED, sentence) for check, sentence in PASSED.items()}


def passed(check: Check) -> Finding:
    return _PASSED[check]


def failed(check: Check, sentence: str) -> Finding:
    """Return that nothing is sent because of `check`, and why."""
    return Finding(check, CheckOutcome.FAILED, sentence)


def held(check: Check, sentence: str) -> Finding:
    """Return that the reminder waits because of `check`, and why."""
    return Finding(check, CheckOutcome.HELD, sentence)
