"""How large variables may be."""

import pytest

from dunlin.api.limits.variables import LONGEST_LIST, MOST_VALUES, flaw_of

CASE = {
    "externalReference": "A",
    "origin": "DIRECT_DEBIT_RETURN",
    "returnReasonCode": "AM04",
    "customer": {"externalReference": "C", "name": "N", "language": "nl", "phone": "+447700900123", "email": "a@b.be"},
    "amountDue": {"amount": "1.00", "currency": "EUR"},
    "dueOn": "2026-01-01",
    "paymentLink": "https://pay.example.com/1",
}


@pytest.mark.parametrize(
    ("variables", "is_too_much"),
    [
        pytest.param({}, False, id="none"),
        pytest.param({"cases": [CASE] * 1_000}, False, id="as many cases as a call takes"),
        pytest.param({"ids": ["x"] * LONGEST_LIST}, False, id="the longest list"),
        pytest.param({"ids": ["x"] * (LONGEST_LIST + 1)}, True, id="a longer list"),
        pytest.param({"a": {"b": [[["x"] * (LONGEST_LIST + 1)]]}}, True, id="a longer list, deep within"),
        pytest.param({str(place): place for place in range(MOST_VALUES)}, False, id="the most values"),
        pytest.param({str(place): place for place in range(MOST_VALUES + 1)}, True, id="more values"),
        pytest.param({"a": [{str(place): place for place in range(100)}] * 400}, True, id="more values, in a list"),
        pytest.param({"text": "x" * 1_000_000}, False, id="a long text is one value"),
    ],
)
def test_variables_are_too_large_by_their_number(variables: dict[str, object], is_too_much: bool) -> None:
    assert (flaw_of(variables) is not None) is is_too_much
