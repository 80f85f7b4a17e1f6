"""Which variable of a subscription only says where to go on, and so keeps nobody apart."""

import pytest
from graphql import parse

from dunlin.api.showing import cursor_variable

HEAD = "subscription W($id: ID!, $after: String, $other: String)"
FIELD = "deliveryStatus(organizationId: $id, after: $after)"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(f"{HEAD} {{ {FIELD} {{ status }} }}", "after", id="given-as-the-cursor"),
        pytest.param(f"{HEAD} {{ news: {FIELD} {{ status }} }}", "after", id="of-a-field-with-an-alias"),
        pytest.param(
            f"{HEAD} {{ deliveryStatus(after: $other, organizationId: $id) {{ status }} }}", "other", id="by-any-name"
        ),
        pytest.param(f"{HEAD} {{ deliveryStatus(organizationId: $id) {{ status }} }}", None, id="without-a-cursor"),
        pytest.param(
            f'{HEAD} {{ deliveryStatus(organizationId: $id, after: "x") {{ status }} }}', None, id="written-out"
        ),
        pytest.param(
            f"{HEAD} {{ {FIELD} {{ reminder {{ organization {{ reminders(after: $after) {{ totalCount }} }} }} }} }}",
            None,
            id="also-of-a-list-within",
        ),
        pytest.param(
            f"{HEAD} {{ {FIELD} {{ ...F }} }} fragment F on DeliveryStatusEvent"
            " { reminder { organization { reminders(after: $after) { totalCount } } } }",
            None,
            id="also-in-a-fragment",
        ),
        pytest.param(
            f"{HEAD} {{ {FIELD} {{ status }} }} subscription V($id: ID!, $after: String) {{ {FIELD} {{ status }} }}",
            None,
            id="also-of-another-operation",
        ),
        pytest.param(
            f"{HEAD} {{ ...F }} fragment F on Subscription {{ {FIELD} {{ status }} }}", None, id="in-a-fragment-only"
        ),
    ],
)
def test_a_cursor_counts_for_nothing_else_only_where_it_is_nothing_else(document: str, expected: str | None) -> None:
    assert cursor_variable(parse(document), "W") == expected
