"""Values that are handed to the writer of JSON as they are come out as their scalars write them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunlin.api.scalars import SCALARS

AMOUNTS = {
    "84.5000": "84.50",
    "84.0000": "84.00",
    "84.5100": "84.51",
    "84.5120": "84.512",
    "0.0079": "0.0079",
    "0": "0.00",
    "1E+3": "1000.00",
    "-1.5000": "-1.50",
    "100": "100.00",
    "0.00790000": "0.0079",
    "1.50": "1.50",
    "12.10000": "12.10",
}


def written(value: object) -> object:
    serialize = SCALARS[type(value)].serialize
    assert serialize is not None
    return serialize(value)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_is_written_alike(moment: datetime) -> None:
    assert orjson.loads(orjson.dumps(moment)) == written(moment)


@given(st.dates())
def test_a_day_is_written_alike(day: date) -> None:
    assert orjson.loads(orjson.dumps(day)) == written(day)


@pytest.mark.parametrize(("amount", "text"), AMOUNTS.items())
def test_an_amount_is_written_with_two_decimals_and_those_it_needs(amount: str, text: str) -> None:
    assert written(Decimal(amount)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_what_is_written_is_the_amount(amount: Decimal) -> None:
    text = str(written(amount))

    assert Decimal(text) == amount
    assert len(text.partition(".")[2]) >= 2
    assert not text.endswith("0") or len(text.partition(".")[2]) == 2


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_what_is_no_amount_is_not_written(amount: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        written(Decimal(amount))
