from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunlin.domain.errors import ProblemCode
from dunlin.domain.rules.notation import TIME_ZONES
from dunlin.domain.rules.price import Cost
from dunlin.domain.rules.spending import (
    WAITS_FOR_LIMIT,
    Budget,
    check_limit,
    end_of_month,
    month_of,
    waits_for_month,
    why_no_room,
    written,
)

BRUSSELS = ZoneInfo("Europe/Brussels")
NOVEMBER = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
BUDGET = Budget(Cost(Decimal(50), "USD"), Decimal("49.95"), end_of_month(NOVEMBER, BRUSSELS))


def usd(amount: str) -> Cost:
    return Cost(Decimal(amount), "USD")


@pytest.mark.parametrize(
    ("cost", "has_room"),
    [
        pytest.param(usd("0.05"), True, id="the last cent"),
        pytest.param(usd("0"), True, id="nothing"),
        pytest.param(usd("0.0500000001"), False, id="a trifle too much"),
        pytest.param(None, False, id="nobody knows what"),
        pytest.param(Cost(Decimal("0.01"), "EUR"), False, id="another currency"),
    ],
)
def test_a_text_has_room_that_costs(cost: Cost | None, has_room: bool) -> None:
    assert BUDGET.has_room_for(cost) is has_room


def test_what_is_reserved_leaves_less_room() -> None:
    assert not BUDGET.reserving(usd("0.03")).has_room_for(usd("0.03"))


costs = st.builds(Cost, st.decimals(0, 20, places=4), st.sampled_from(["USD", "USD", "USD", "EUR"])) | st.none()


@settings(max_examples=200, derandomize=True, database=None)
@given(st.decimals("0.01", 100, places=2), st.lists(costs, max_size=40))
def test_whatever_comes_in_whatever_order_the_limit_is_kept_and_nothing_is_held_back_that_fits(
    limit: Decimal, texts: list[Cost | None]
) -> None:
    budget, gone = Budget(Cost(limit, "USD"), Decimal(0), BUDGET.ends_at), Decimal(0)
    for text in texts:
        if budget.has_room_for(text):
            assert text is not None
            budget, gone = budget.reserving(text), gone + text.amount
        else:
            assert text is None or text.currency != "USD" or gone + text.amount > limit

    assert gone <= limit
    assert budget.committed == gone


@pytest.mark.parametrize(
    ("now", "zone", "month", "end"),
    [
        pytest.param(NOVEMBER, "Europe/Brussels", "2026-11-01", "2026-11-30T23:00:00+00:00", id="within a month"),
        pytest.param(
            datetime(2026, 11, 30, 23, 0, tzinfo=UTC),
            "Europe/Brussels",
            "2026-12-01",
            "2026-12-31T23:00:00+00:00",
            id="its first moment",
        ),
        pytest.param(
            datetime(2026, 11, 30, 23, 0, tzinfo=UTC),
            "America/New_York",
            "2026-11-01",
            "2026-12-01T05:00:00+00:00",
            id="still the month before, farther west",
        ),
        pytest.param(
            datetime(2026, 10, 5, tzinfo=UTC),
            "Europe/Brussels",
            "2026-10-01",
            "2026-10-31T23:00:00+00:00",
            id="over a clock change",
        ),
    ],
)
def test_a_month_is_one_of_the_organizations_calendar(now: datetime, zone: str, month: str, end: str) -> None:
    assert month_of(now, ZoneInfo(zone)).isoformat() == month
    assert end_of_month(now, ZoneInfo(zone)).astimezone(UTC).isoformat() == end


moments = st.datetimes(datetime(2025, 1, 1), datetime(2045, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=500, derandomize=True, database=None)
@given(moments, st.sampled_from(sorted(TIME_ZONES)))
def test_a_month_ends_where_the_next_begins_by_every_clock(now: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    end = end_of_month(now, zone).astimezone(UTC)

    assert now < end <= now + timedelta(days=32)
    assert month_of(end - timedelta(microseconds=1), zone) == month_of(now, zone)
    assert (month_of(now, zone) + timedelta(days=31)).replace(day=1) == month_of(end, zone)


@pytest.mark.parametrize(
    ("cost", "reason"),
    [
        pytest.param(
            usd("0.10"),
            "The monthly spending limit of 50.00 USD is used up. It goes on 1 December, or when the limit is raised.",
            id="used up",
        ),
        pytest.param(
            usd("50.01"),
            "The monthly spending limit of 50.00 USD is less than this text costs, 50.01 USD. It goes when the limit is"
            " raised.",
            id="less than one text",
        ),
        pytest.param(
            None,
            "The monthly spending limit of 50.00 USD cannot be kept: what this text costs is not known yet. It goes"
            " when the price is known.",
            id="no price",
        ),
        pytest.param(
            Cost(Decimal("0.0524"), "EUR"),
            "The monthly spending limit of 50.00 USD cannot be kept: this text costs 0.0524 EUR. It goes when the"
            " limit is in that currency.",
            id="another currency",
        ),
    ],
)
def test_what_has_no_room_says_why_and_when_it_goes(cost: Cost | None, reason: str) -> None:
    assert why_no_room(BUDGET, cost, BUDGET.ends_at) == reason
    assert reason.startswith(WAITS_FOR_LIMIT)


def test_the_day_named_is_the_one_on_which_it_really_goes() -> None:
    monday = BUDGET.ends_at + timedelta(days=6, hours=8)

    assert "It goes on 7 December, or" in why_no_room(BUDGET, usd("0.10"), monday)


def test_only_money_comes_with_the_month() -> None:
    assert waits_for_month(BUDGET, usd("0.10"))
    assert not waits_for_month(BUDGET, None)
    assert not waits_for_month(BUDGET, Cost(Decimal("0.10"), "EUR"))


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        pytest.param(usd("50"), "50.00 USD", id="no decimals"),
        pytest.param(usd("50.5000"), "50.50 USD", id="zeros at the end"),
        pytest.param(usd("0.0524"), "0.0524 USD", id="more than the currency has"),
        pytest.param(usd("1000000"), "1000000.00 USD", id="many zeros"),
        pytest.param(Cost(Decimal(5000), "JPY"), "5000 JPY", id="a currency without decimals"),
    ],
)
def test_an_amount_is_written_as_its_currency_is(cost: Cost, text: str) -> None:
    assert written(cost) == text


@pytest.mark.parametrize(
    ("limit", "problem"),
    [
        pytest.param(usd("0.01"), None, id="the smallest"),
        pytest.param(usd("99999999999999.99"), None, id="the largest"),
        pytest.param(Cost(Decimal(5000), "JPY"), None, id="no decimals"),
        pytest.param(usd("50.500"), None, id="zeros behind its decimals"),
        pytest.param(usd("0"), "A spending limit is more than 0", id="nothing"),
        pytest.param(usd("-1"), "A spending limit is more than 0", id="less than nothing"),
        pytest.param(usd("100000000000000"), "A spending limit is more than 0 and less than 10^14", id="too large"),
        pytest.param(usd("NaN"), "A spending limit is more than 0", id="no number"),
        pytest.param(usd("50.001"), "An amount in USD has at most 2 decimals.", id="a tenth of a cent"),
        pytest.param(Cost(Decimal("0.5"), "JPY"), "An amount in JPY has at most 0 decimals.", id="half a yen"),
    ],
)
def test_a_limit_is(limit: Cost, problem: str | None) -> None:
    found = check_limit(limit)

    assert [one.message.startswith(problem) for one in found] == [True] if problem else not found
    assert all((one.code, one.path) == (ProblemCode.INVALID, ("limit", "amount")) for one in found)
