"""Generated input for every mutation: whatever is sent, it is done whole or refused by name, and nothing breaks."""

from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dunlin.api.ids import encode_id
from dunlin.api.schema import schema
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_received_text, a_token, everything_stored, open_one
from tests.client import graphql

Strategy = st.SearchStrategy[Any]

MUTATIONS = schema._schema.mutation_type.fields if schema._schema.mutation_type else {}

# Everything that JSON can carry: NUL, controls, right-to-left marks, emoji, combining characters, very long ones.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "",
        " ",
        "\0",
        "\x85",
        "\u202e",
        "e\u0301",
        "👩‍👧",
        "{{ amount }}",
        "{{ nothing }}",
        "{% if",
        "x" * 457,
        "é" * 5_000,
    ]
)
# Ids of what is there, of what is not, and of the wrong type.
IDS = st.builds(
    encode_id,
    st.sampled_from(
        [
            *("Organization", "CollectionCycle", "CollectionStep", "CollectionCase", "CaseStep", "Customer"),
            *("InboundText", "Reminder"),
        ]
    ),
    st.sampled_from([1, 1, 1, 2, 2**62]),
)
GOOD = {
    "Date": st.sampled_from(["2026-01-15", "2024-02-29", "1999-12-31", "2026-02-30", "9999-12-31"]),
    "DateTime": st.sampled_from(["2026-11-22T08:30:00+01:00", "2026-11-22T08:30:00"]),
    "Decimal": st.sampled_from(["84.50", "0", "-1", "0.00001", "99999999999999999999", "1e3", "NaN"]),
    "PhoneNumber": st.sampled_from(["+447700900123", "+15005550006", "07700900123"]),
    "CountryCode": st.sampled_from(["BE", "GB", "XX", "be"]),
    "CurrencyCode": st.sampled_from(["EUR", "GBP", "XXX", "eur"]),
    "LanguageCode": st.sampled_from(["en", "nl", "fr-BE", "EN", "x"]),
    "TimeZone": st.sampled_from(["Europe/Brussels", "Mars/Base"]),
    "ID": IDS,
    "String": TEXT,
    "Int": st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, 1, 7, 50, 3650]),
    "Boolean": st.booleans(),
}
ODD: Strategy = st.none() | TEXT | st.integers() | st.booleans() | st.lists(TEXT, max_size=2) | st.just({})


def values(kind: GraphQLInputType) -> Strategy:
    """Values for an input type: mostly of its shape, now and then of any other."""
    return st.integers(0, 19).flatmap(lambda dice: ODD if dice == 0 else _shaped(kind))


def _shaped(kind: GraphQLInputType) -> Strategy:
    if isinstance(kind, GraphQLNonNull):
        return values(kind.of_type)
    if isinstance(kind, GraphQLList):
        return st.lists(values(kind.of_type), max_size=3)
    if isinstance(kind, GraphQLEnumType):
        return st.sampled_from(list(kind.values))
    if isinstance(kind, GraphQLScalarType):
        return GOOD[kind.name]
    assert isinstance(kind, GraphQLInputObjectType)
    needed = {name: values(field.type) for name, field in kind.fields.items() if isinstance(field.type, GraphQLNonNull)}
    optional = {name: values(field.type) for name, field in kind.fields.items() if name not in needed}
    if kind.is_one_of:
        return st.one_of(*(st.fixed_dictionaries({name: value}) for name, value in optional.items()))
    return st.fixed_dictionaries(needed, optional=optional)


@pytest_asyncio.fixture
async def token(services: Services) -> str:
    """A token for an organization with SMS, a cycle and a case, all of them with the number 1."""
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await a_received_text(services, organization)
    return await a_token(services, organization)


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_whatever_is_sent_is_done_whole_or_refused_by_name(
    http: httpx.AsyncClient, token: str, mutation: str
) -> None:
    argument = MUTATIONS[mutation].args["input"].type
    document = f"mutation ($input: {argument}) {{ {mutation}(input: $input) {{ userErrors {{ code message }} }} }}"
    sent: list[Any] = []

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(values(argument))
    def generate(value: Any) -> None:
        sent.append(value)

    generate()
    for value in sent:
        before = await everything_stored()
        body = await graphql(http, token, document, input=value)
        codes = [error["extensions"]["code"] for error in body.get("errors", [])]
        refused = codes or body["data"][mutation]["userErrors"]

        assert set(codes) <= {"BAD_USER_INPUT"}, (value, body)
        assert not refused or await everything_stored() == before, (value, body)
