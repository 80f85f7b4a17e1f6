from datetime import timedelta

import pytest

from dunlin.domain.carrier import Accepted, Answer, Fault, Refused, Throttled, Unknown, Unreached
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.backoff import backoff
from dunlin.domain.rules.outcome import Outcome, outcome_of

SCHEDULED, SENT = ReminderStatus.SCHEDULED, ReminderStatus.SENT
FAILED, UNCONFIRMED = ReminderStatus.FAILED, ReminderStatus.UNCONFIRMED
ASKED_TO_WAIT = "The carrier asked to wait."

TABLE: dict[str, tuple[Answer, Outcome]] = {
    "accepted: it is sent": (Accepted("SM1"), Outcome(SENT)),
    "the number is refused: it failed": (
        Refused(21211, Fault.INVALID_NUMBER, "No such number."),
        Outcome(FAILED, "No such number.", 21211, fault=Fault.INVALID_NUMBER),
    ),
    "the recipient opted out at the carrier: it failed": (
        Refused(21610, Fault.OPTED_OUT, "Opted out."),
        Outcome(FAILED, "Opted out.", 21610, fault=Fault.OPTED_OUT),
    ),
    "the text is refused: it failed": (
        Refused(21617, Fault.CONTENT, "Too long."),
        Outcome(FAILED, "Too long.", 21617, fault=Fault.CONTENT),
    ),
    "refused for another reason: it failed": (
        Refused(99999, Fault.OTHER, "Why?"),
        Outcome(FAILED, "Why?", 99999, fault=Fault.OTHER),
    ),
    "refused for a reason that passes: it failed, and how long that lasts is kept": (
        Refused(30017, Fault.TEMPORARY, "Overloaded.", timedelta(hours=1)),
        Outcome(FAILED, "Overloaded.", 30017, fault=Fault.TEMPORARY, lasts=timedelta(hours=1)),
    ),
    "the sender is refused: it waits until a person has mended that, and no try is lost": (
        Refused(21606, Fault.SENDER, "Not yours."),
        Outcome(SCHEDULED, "Not yours.", 21606, wait=timedelta(0), fault=Fault.SENDER),
    ),
    "a limit is used up: it waits until that is renewed, and no try is lost": (
        Refused(63038, Fault.LIMIT, "Enough for today.", timedelta(hours=7)),
        Outcome(
            SCHEDULED,
            "Enough for today.",
            63038,
            wait=timedelta(hours=7),
            fault=Fault.LIMIT,
            lasts=timedelta(hours=7),
        ),
    ),
    "the account is refused: it waits until a person has mended that, and no try is lost": (
        Refused(20003, Fault.CREDENTIALS, "Wrong key."),
        Outcome(SCHEDULED, "Wrong key.", 20003, wait=timedelta(0), fault=Fault.CREDENTIALS),
    ),
    "throttled: it goes again in a second, and no try is lost": (
        Throttled(None),
        Outcome(SCHEDULED, ASKED_TO_WAIT, wait=timedelta(seconds=1)),
    ),
    "throttled for long: it goes again when the carrier said": (
        Throttled(timedelta(seconds=30)),
        Outcome(SCHEDULED, ASKED_TO_WAIT, wait=timedelta(seconds=30)),
    ),
    "throttled for no time: it waits all the same": (
        Throttled(timedelta(0)),
        Outcome(SCHEDULED, ASKED_TO_WAIT, wait=timedelta(seconds=1)),
    ),
    "never connected: it goes again, one try poorer": (
        Unreached("No route."),
        Outcome(SCHEDULED, "No route.", wait=timedelta(seconds=4), burns_try=True),
    ),
    "perhaps taken: it is never sent again on a guess": (
        Unknown("No answer."),
        Outcome(UNCONFIRMED, "No answer."),
    ),
}


@pytest.mark.parametrize(("answer", "expected"), TABLE.values(), ids=TABLE.keys())
def test_an_answer_of_the_carrier_decides_what_becomes_of_a_reminder(answer: Answer, expected: Outcome) -> None:
    assert outcome_of(answer, tries=2, jitter=1.0) == expected


@pytest.mark.parametrize("answer", [row[0] for row in TABLE.values()], ids=TABLE.keys())
def test_a_reminder_that_goes_again_always_knows_when(answer: Answer) -> None:
    outcome = outcome_of(answer, tries=0, jitter=0.0)

    assert (outcome.status is SCHEDULED) == (outcome.wait is not None)


def test_the_first_failed_try_waits_up_to_a_second() -> None:
    assert outcome_of(Unreached("No route."), tries=0, jitter=1.0).wait == timedelta(seconds=1)


WAITS = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 10: 512, 11: 600, 12: 600, 1_000_000: 600}


@pytest.mark.parametrize(("tries", "seconds"), WAITS.items(), ids=[f"after-{tries}" for tries in WAITS])
def test_the_wait_doubles_up_to_ten_minutes_and_chance_takes_at_most_half(tries: int, seconds: int) -> None:
    assert backoff(tries, 1.0) == timedelta(seconds=seconds)
    assert backoff(tries, 0.0) == timedelta(seconds=seconds) / 2
    assert timedelta(seconds=seconds) / 2 < backoff(tries, 0.3) < timedelta(seconds=seconds)
