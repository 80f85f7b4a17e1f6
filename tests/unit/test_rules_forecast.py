from datetime import date, timedelta
from decimal import Decimal

from dunlin.domain.choices import Check, CommunicationMethod
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.forecast import MOST_REASONS, Forecast
from dunlin.domain.rules.price import Cost

TODAY = date(2026, 12, 31)
SMS = CommunicationMethod.SMS


def test_a_forecast_has_every_day_from_today_on_over_the_end_of_a_year() -> None:
    days = Forecast(TODAY, 3).days

    assert [day.day.isoformat() for day in days] == ["2026-12-31", "2027-01-01", "2027-01-02"]
    assert all(not day.sending and not day.not_sending and not day.uncounted for day in days)


def test_costs_are_added_up_by_currency_and_what_has_no_price_is_counted() -> None:
    forecast = Forecast(TODAY, 1)
    forecast.send(TODAY, SMS, Cost(Decimal("0.05"), "EUR"))
    forecast.send(TODAY, SMS, Cost(Decimal("0.30"), "EUR"), count=4)
    forecast.send(TODAY, SMS, Cost(Decimal("0.01"), "USD"))
    forecast.send(TODAY, SMS, None, count=2)

    sending = forecast.days[0].sending[SMS]

    assert (sending.reminders, sending.unpriced) == (8, 2)
    assert sending.costs == {"EUR": Decimal("0.35"), "USD": Decimal("0.01")}


def test_what_lies_outside_is_left_out() -> None:
    forecast = Forecast(TODAY, 1)
    for day in (TODAY - timedelta(days=1), TODAY + timedelta(days=1)):
        forecast.send(day, SMS, None)
        forecast.keep(day, failed(Check.NUMBER, "No number."))
        forecast.pass_over([(day, 5)])

    assert forecast.is_complete
    assert not forecast.days[0].sending
    assert not forecast.days[0].not_sending


def test_the_commonest_reasons_are_told_and_the_others_added_up_by_check() -> None:
    forecast = Forecast(TODAY, 1)
    for place in range(MOST_REASONS + 5):
        forecast.keep(TODAY, failed(Check.TEXT, f"Reason {place}."), count=100 - place)
    forecast.keep(TODAY, failed(Check.NUMBER, "No number."))

    reasons = forecast.days[0].reasons()

    assert reasons[0] == (Check.TEXT, "Reason 0.", 100)
    assert reasons[MOST_REASONS:] == [
        (Check.TEXT, "Various other reasons.", sum(range(76, 81))),
        (Check.NUMBER, "Various other reasons.", 1),
    ]


def test_what_was_not_looked_at_makes_a_forecast_incomplete() -> None:
    forecast = Forecast(TODAY, 2)
    forecast.pass_over([(TODAY + timedelta(days=1), 7)])

    assert [day.uncounted for day in forecast.days] == [0, 7]
    assert not forecast.is_complete


def test_what_costs_nothing_is_not_said_to_have_no_known_price() -> None:
    forecast = Forecast(TODAY, 1)

    forecast.send(TODAY, CommunicationMethod.EMAIL, None, count=3)

    sending = forecast.days[0].sending[CommunicationMethod.EMAIL]
    assert (sending.reminders, sending.costs, sending.unpriced) == (3, {}, 0)
