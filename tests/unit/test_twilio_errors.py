"""Every error code that Twilio documents for texts, with what follows from it here."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from dunlin.channels.twilio_errors import THROTTLE_CODES, explain
from dunlin.domain.carrier import Fault, Refused, StatusReport
from dunlin.domain.choices import PhoneProblemKind
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.consequence import Consequence, consequence_of
from dunlin.domain.rules.outcome import outcome_of, outcome_of_report

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # 4:00 in Los Angeles
HOUR = timedelta(hours=1)
BLOCKED = Consequence(blocks=True)
NO_NUMBER = Consequence(marks=PhoneProblemKind.INVALID)
NO_PHONE = Consequence(marks=PhoneProblemKind.LANDLINE)
GIVEN_UP = Consequence()
LATER = Consequence(may_pass=True)
HELD = Consequence(holds=True, may_pass=True)
ALERT = Consequence(is_ours=True)


@dataclass(frozen=True, slots=True)
class Row:
    codes: tuple[int, ...]
    fault: Fault
    consequence: Consequence
    retry_after: timedelta | None = None


TABLE = {
    "wrong keys": Row((20003,), Fault.CREDENTIALS, BLOCKED),
    "account not active": Row((20005, 10001, 90010), Fault.CREDENTIALS, BLOCKED),
    "no permission": Row((20006, 20010, 70051), Fault.CREDENTIALS, BLOCKED),
    "test credentials": Row((20008,), Fault.CREDENTIALS, BLOCKED),
    "no such account": Row((20404,), Fault.CREDENTIALS, BLOCKED),
    "suspended meanwhile": Row((30002, 30037), Fault.CREDENTIALS, BLOCKED),
    "the account's daily limit": Row((30454, 63038), Fault.LIMIT, HELD, 12 * HOUR),
    "a trial account and a number that is not confirmed": Row((21608,), Fault.RECIPIENT, GIVEN_UP),
    "a trial account cannot do this": Row((10002, 21267), Fault.CREDENTIALS, BLOCKED),
    "country not enabled": Row((21408,), Fault.COUNTRY, GIVEN_UP),
    "sender invalid": Row((21212, 21603, 21657), Fault.SENDER, BLOCKED),
    "sender not usable": Row((21601, 21606, 21659, 21660, 21661), Fault.SENDER, BLOCKED),
    "messaging service": Row((21701, 21702, 21703, 21704, 21705, 21711), Fault.SENDER, BLOCKED),
    "sender not registered for the country": Row((30018, 30024, 30040, 30041, 30042), Fault.COUNTRY, GIVEN_UP),
    "sender not registered at all": Row((30032, 30033, 30034), Fault.SENDER, BLOCKED),
    "number still being set up": Row((30035,), Fault.TEMPORARY, LATER, 4 * HOUR),
    "daily cap of the brand": Row((30023, 30027), Fault.LIMIT, HELD, 20 * HOUR),
    "half of that cap": Row((30025, 30026), Fault.OTHER, GIVEN_UP),
    "invalid number": Row((21211, 21214), Fault.INVALID_NUMBER, NO_NUMBER),
    "no route from this sender": Row((21612,), Fault.RECIPIENT, GIVEN_UP),
    "no mobile number": Row((21614, 21635), Fault.LANDLINE, NO_PHONE),
    "short code, own number, premium rate": Row((21265, 21266, 21268), Fault.RECIPIENT, GIVEN_UP),
    "opted out": Row((21610, 30630), Fault.OPTED_OUT, Consequence(opts_out=True)),
    "phone off": Row((30003,), Fault.UNREACHABLE, LATER, 3 * HOUR),
    "blocked by the recipient": Row((30004,), Fault.RECIPIENT, GIVEN_UP),
    "number not in use": Row((30005,), Fault.INVALID_NUMBER, NO_NUMBER),
    "landline or no such phone company": Row((30006,), Fault.LANDLINE, NO_PHONE),
    "filtered": Row((30007,), Fault.CONTENT, GIVEN_UP),
    "unknown to the network": Row((30008,), Fault.TEMPORARY, LATER, HOUR),
    "nothing to decide": Row((30009, 30010, 30103, 12400), Fault.OTHER, GIVEN_UP),
    "content the phone cannot take": Row((30011, 30019), Fault.CONTENT, GIVEN_UP),
    "network overloaded": Row((30017, 30022), Fault.TEMPORARY, LATER, HOUR),
    "internal to the carrier": Row((20504, 30020, 30021, 30500, 63010, 63012), Fault.TEMPORARY, LATER, HOUR),
    "no answer of the network": Row((30410,), Fault.DISPUTABLE, GIVEN_UP),
    "too late": Row((30036,), Fault.OTHER, GIVEN_UP),
    "loop": Row((30039,), Fault.OURS, ALERT),
    "queue full": Row((30001, 21611), Fault.TEMPORARY, LATER, HOUR / 4),
    "too many at once": Row((20429, 63017, 63018), Fault.TEMPORARY, LATER, HOUR / 4),
    "loop guard": Row((14107,), Fault.TEMPORARY, LATER, HOUR / 4),
    "too many scheduled": Row((35125,), Fault.TEMPORARY, LATER, HOUR / 4),
    "pumping protection, for a person to look into": Row((30450,), Fault.TEMPORARY, LATER),
    "pumping protection, for a while": Row((30453, 30485), Fault.TEMPORARY, LATER, HOUR),
    "quiet hours": Row((30610, 30047), Fault.TEMPORARY, LATER, 11.5 * HOUR),
    "not what was declared": Row((30620, 30640), Fault.CONTENT, GIVEN_UP),
    "too long": Row((21617, 21658), Fault.CONTENT, GIVEN_UP),
    "something missing": Row((21602, 21619, 21604), Fault.OURS, ALERT),
    "bad parameter": Row((21609, 21624, 20001), Fault.OURS, ALERT),
    "bad parameter, found later": Row(
        (30012, 30013, 30014, 30015, 30016, 30028, 30029, 30030, 30031), Fault.OURS, ALERT
    ),
    "bad schedule": Row((35111, 35114, 35115, 35117, 35118, 30400), Fault.OURS, ALERT),
    "too far along": Row((30409, 20009), Fault.OTHER, GIVEN_UP),
    "server error": Row((20500, 20503), Fault.DISPUTABLE, GIVEN_UP),
    "our webhook": Row((11200, 11205, 11243, 57012), Fault.OTHER, GIVEN_UP),
    "never heard of": Row((99999,), Fault.UNLISTED, ALERT),
}


@pytest.mark.parametrize(
    ("code", "row"), [pytest.param(code, row, id=f"{name}-{code}") for name, row in TABLE.items() for code in row.codes]
)
def test_each_code_has_its_consequence_and_a_plain_sentence(code: int, row: Row) -> None:
    meaning = explain(code)

    assert (meaning.fault, meaning.retry_after(NOON)) == (row.fault, row.retry_after)
    assert consequence_of(meaning.fault) == row.consequence
    assert meaning.sentence.endswith(".")
    assert code == 99999 or not any(character.isdigit() for character in meaning.sentence)


@pytest.mark.parametrize(
    ("code", "row"), [pytest.param(code, row, id=f"{name}-{code}") for name, row in TABLE.items() for code in row.codes]
)
def test_a_refused_text_waits_where_nothing_goes_out_at_all_and_else_has_failed(code: int, row: Row) -> None:
    outcome = outcome_of(Refused(code, row.fault, "Why?", row.retry_after), tries=0, jitter=0.5)

    waits = row.consequence.blocks or row.consequence.holds
    assert outcome.status is (ReminderStatus.SCHEDULED if waits else ReminderStatus.FAILED)
    assert (outcome.fault, outcome.lasts) == (row.fault, row.retry_after)


@pytest.mark.parametrize("status", [ReminderStatus.FAILED, ReminderStatus.UNDELIVERED])
@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())
def test_a_reported_failure_stays_one_and_says_what_it_is_about(row: Row, status: ReminderStatus) -> None:
    report = StatusReport("AC1", "SM1", status, row.codes[0], "Why?", row.fault, row.retry_after)

    outcome = outcome_of_report(status, report)

    assert (outcome.status, outcome.wait) == (status, None)
    assert (outcome.fault, outcome.lasts) == (row.fault, row.retry_after)


def test_a_code_beside_a_good_status_has_no_consequence() -> None:
    report = StatusReport("AC1", "SM1", ReminderStatus.DELIVERED, 30005, "Why?", Fault.INVALID_NUMBER)

    assert outcome_of_report(ReminderStatus.DELIVERED, report).fault is None


def test_every_fault_stands_in_the_table() -> None:
    assert {row.fault for row in TABLE.values()} == set(Fault) - {Fault.INVALID_ADDRESS}  # which is of e-mail


def test_an_unknown_code_is_named() -> None:
    assert explain(99999).sentence == "The carrier reported error 99999."


def test_every_throttling_code_may_pass_because_callbacks_bring_them_too() -> None:
    assert {explain(code).fault for code in THROTTLE_CODES} == {Fault.TEMPORARY}


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        pytest.param(datetime(2026, 3, 4, 7, 59, tzinfo=UTC), 1 / 60, id="a minute before midnight"),
        pytest.param(datetime(2026, 3, 4, 8, 0, tzinfo=UTC), 24, id="at midnight"),
        pytest.param(datetime(2026, 3, 8, 8, 0, tzinfo=UTC), 23, id="the clocks go forward"),
    ],
)
def test_a_cap_of_the_us_network_is_renewed_at_midnight_there(now: datetime, hours: float) -> None:
    assert explain(30023).retry_after(now) == timedelta(hours=hours)


@pytest.mark.parametrize("hour", range(-3, 8))
def test_half_a_day_after_quiet_hours_is_never_in_them(hour: int) -> None:
    in_quiet_hours = datetime(2026, 3, 4, tzinfo=UTC) + hour * HOUR
    wait = explain(30610).retry_after(in_quiet_hours)

    assert wait is not None
    assert 8 <= (in_quiet_hours + wait).hour < 21
