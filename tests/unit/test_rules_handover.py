from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from dunlin.domain.choices import CaseState, IntegrationKind, Weekday
from dunlin.domain.rules.caps import Limits
from dunlin.domain.rules.handover import Cancel, Go, Situation, Wait, may_hand_over
from dunlin.domain.rules.moments import Hours, never_opens
from dunlin.domain.rules.price import Cost
from dunlin.domain.rules.recipient import Recipient
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.rules.spending import Budget

NOON = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)  # in Brussels
EVENING = datetime(2026, 3, 4, 19, 0, tzinfo=UTC)
MORNING = datetime(2026, 3, 5, 7, 0, tzinfo=UTC)
ADA = Recipient(IntegrationKind.SMS, "+447700900001")
GOOD = Situation(
    connected=True,
    needs_attention=False,
    case_state=CaseState.ACTIVE,
    recipient=ADA,
    hours=Hours(SendWindow("08:00", "20:00", frozenset(Weekday)), ("Europe/Brussels",)),
)
DISCONNECTED = replace(GOOD, connected=False)
CLOSED = replace(GOOD, case_state=CaseState.CLOSED)
PAUSED = replace(GOOD, case_state=CaseState.PAUSED)
PAID = replace(CLOSED, closed_because="The amount due has been paid.")
OPTED_OUT = replace(GOOD, recipient=replace(ADA, opted_out=True))
NEEDS_ATTENTION = replace(GOOD, needs_attention=True)
NEVER_OPEN = replace(
    GOOD, hours=Hours(SendWindow("08:00", "10:00", frozenset(Weekday)), ("Asia/Tokyo", "Europe/Brussels"))
)
WIDE = replace(GOOD, hours=replace(GOOD.hours, zones=("America/Los_Angeles", "Europe/Brussels")))
WIDE_MORNING = datetime(2026, 3, 4, 16, 0, tzinfo=UTC)  # 8:00 in Los Angeles
LIMIT = Cost(Decimal(50), "USD")
MONTH_END = datetime(2026, 4, 1, 0, 0, tzinfo=ZoneInfo("Europe/Brussels"))
SPENT = replace(GOOD, budget=Budget(LIMIT, Decimal("49.95"), MONTH_END), cost=Cost(Decimal("0.10"), "USD"))
BY_DISCONNECT = Cancel("SMS was disconnected.")
BY_CLOSING = Cancel("The case is closed.")
BY_OPT_OUT = Cancel("The customer has opted out of SMS.")

TABLE = {
    "it goes when nothing stands in the way": (GOOD, NOON, Go()),
    "it goes at the window's start": (GOOD, MORNING, Go()),
    "it waits for the window to open": (GOOD, EVENING, Wait(MORNING)),
    "it is canceled after a disconnect": (DISCONNECTED, NOON, BY_DISCONNECT),
    "it is canceled when the case is closed": (CLOSED, NOON, BY_CLOSING),
    "it is canceled by a payment, and says so": (PAID, NOON, Cancel("The amount due has been paid.")),
    "it is canceled after an opt-out": (OPTED_OUT, NOON, BY_OPT_OUT),
    "it is canceled when the number turns out to be none": (
        replace(PAUSED, recipient=replace(ADA, problem="This is not a valid phone number.")),
        NOON,
        Cancel("The phone number must be corrected: this is not a valid phone number.", needs_attention=True),
    ),
    "it waits, nobody knows how long, while the case is paused": (PAUSED, NOON, Wait(None)),
    "it waits, nobody knows how long, while SMS needs attention": (NEEDS_ATTENTION, NOON, Wait(None)),
    "a pause is not over when the window opens": (PAUSED, EVENING, Wait(None)),
    "a disconnect cancels at night too": (DISCONNECTED, EVENING, BY_DISCONNECT),
    "a closed case cancels at night too": (CLOSED, EVENING, BY_CLOSING),
    "an opt-out cancels in a pause too": (replace(PAUSED, recipient=replace(ADA, opted_out=True)), NOON, BY_OPT_OUT),
    "a closed case cancels although SMS needs attention": (replace(CLOSED, needs_attention=True), NOON, BY_CLOSING),
    "it is canceled, and a person must look, when the customer's clocks never agree": (
        NEVER_OPEN,
        NOON,
        Cancel(never_opens(NEVER_OPEN.hours), needs_attention=True),
    ),
    "it waits for the last of the customer's clocks": (WIDE, NOON, Wait(WIDE_MORNING)),
    "it is canceled, and a person must look, when the number is gone": (
        replace(GOOD, recipient=replace(ADA, address=None)),
        NOON,
        Cancel("The customer has no phone number.", needs_attention=True),
    ),
    "it is canceled, and a person must look, when it cannot be written any more": (
        replace(GOOD, bad_text="The text names payment_link, and the case has none."),
        NOON,
        Cancel("The text names payment_link, and the case has none.", needs_attention=True),
    ),
    "in a pause nobody asks yet what it would say": (replace(PAUSED, bad_text="It is empty."), NOON, Wait(None)),
    "what a person has sent again does not go a second time": (
        replace(GOOD, is_resent=True),
        NOON,
        Cancel("A person has sent it again."),
    ),
    "it goes with the last of the month's money": (replace(SPENT, cost=Cost(Decimal("0.05"), "USD")), NOON, Go()),
    "it waits for the next month's first opening when the money is spent": (
        SPENT,
        NOON,
        Wait(datetime(2026, 4, 1, 6, 0, tzinfo=UTC)),
    ),
    "it waits for the next month in its turn among the customer's reminders": (
        replace(SPENT, limits=Limits(minimum_gap_hours=24), planned=[datetime(2026, 4, 1, 6, 0, tzinfo=UTC)]),
        NOON,
        Wait(datetime(2026, 4, 2, 6, 0, tzinfo=UTC)),
    ),
    "it waits, nobody knows how long, for a price": (replace(SPENT, cost=None), NOON, Wait(None)),
    "it waits, nobody knows how long, for its currency": (
        replace(SPENT, cost=Cost(Decimal("0.01"), "EUR")),
        NOON,
        Wait(None),
    ),
    "at night nobody asks yet for the money": (SPENT, EVENING, Wait(MORNING)),
    "a closed case cancels although the money is spent": (
        replace(SPENT, case_state=CaseState.CLOSED),
        NOON,
        BY_CLOSING,
    ),
    "a disconnect is the reason before all others": (
        replace(CLOSED, connected=False, recipient=replace(ADA, opted_out=True)),
        NOON,
        BY_DISCONNECT,
    ),
    "a closed case is the reason before an opt-out": (
        replace(CLOSED, recipient=replace(ADA, opted_out=True)),
        NOON,
        BY_CLOSING,
    ),
}


@pytest.mark.parametrize(("situation", "now", "expected"), TABLE.values(), ids=TABLE.keys())
def test_a_reminder_is_judged_again_at_the_last_moment(
    situation: Situation, now: datetime, expected: Go | Cancel | Wait
) -> None:
    assert may_hand_over(situation, now) == expected
