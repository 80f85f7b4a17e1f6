"""Every mutation that takes an idempotencyKey, read from the schema: done once under it, whatever comes again."""

import asyncio

import httpx
import pytest
from graphql import GraphQLInputObjectType, get_named_type

from dunlin.domain.tables import Account, IdempotencyKey
from dunlin.runtime.wiring import Services
from tests.build import a_token, everything_stored
from tests.client import JSON, mutate, problems
from tests.integration.test_api_refusals import GOOD, Ids, filled
from tests.integration.test_api_refusals import ground as ground  # the fixtures
from tests.integration.test_api_refusals import ids as ids
from tests.introspection import OBJECTS

MUTATIONS = OBJECTS["Mutation"].fields


def takes_a_key(mutation: str) -> bool:
    given = get_named_type(MUTATIONS[mutation].args["input"].type)
    assert isinstance(given, GraphQLInputObjectType)
    return "idempotencyKey" in given.fields


# For each mutation that may send, spend or make something: what makes its input another one.
OTHER: dict[str, JSON] = {
    "addStep": {"position": 2},
    "changeCustomerPhone": {"phone": "+447700900006"},
    "changeCustomerEmail": {"email": "grace@example.com"},
    "connectIntegration": {"organizationId": "$organization"},
    "createCollectionCycle": {"name": "Invoices"},
    "disconnectIntegration": {"organizationId": "$bare"},
    "editCaseStep": {"communicationMethod": "SMS"},
    "editStep": {"applyToOpenCases": True},
    "importBankFile": {"fileName": "tuesday.xml"},
    "openCollectionCases": {"cases": [{**GOOD["openCollectionCases"]["cases"][0], "dueOn": "2026-01-16"}]},
    "optInCustomer": {"proof": "Wrote on Saturday"},
    "recordPayment": {"reference": "BANK-2"},
    "registerMandates": {"mandates": [{**GOOD["registerMandates"]["mandates"][0], "reference": "MANDATE-9"}]},
    "resendReminder": {"reminderId": "$unconfirmed reminder"},
    "resumeCase": {"caseId": "$case"},
    "setSpendingLimit": {"limit": {"amount": "60.00", "currency": "USD"}},
}
# For each of the others: why a repeat does no harm.
NEEDS_NONE = {
    "cancelReminder": "a canceled reminder is refused",
    "closeCase": "a closed case is refused",
    "closeOrganization": "a closed organization is refused",
    "confirmReminderSent": "a reminder that is SENT is refused",
    "createOrganization": "the name is taken then",
    "createToken": "its secret is not kept, so the answer cannot be given again: revoke what was lost",
    "markInboundTextRead": "it stays read",
    "optOutCustomer": "who has opted out stays so, and nothing is sent",
    "pauseCase": "it stays paused, and nothing is sent",
    "removeStep": "a step that is gone is refused",
    "renameOrganization": "it has the name then, and nothing is sent",
    "revokeToken": "it stays revoked",
    "setCreditorAccounts": "they are the accounts then, and nothing is sent",
    "setReturnReason": "it counts for cases that come, and sends nothing",
    "updateSendingPolicy": "it only says when reminders may leave",
}


def test_every_mutation_takes_a_key_or_does_no_harm_when_it_is_repeated() -> None:
    assert OTHER.keys() == {mutation for mutation in MUTATIONS if takes_a_key(mutation)}
    assert NEEDS_NONE.keys() == MUTATIONS.keys() - OTHER.keys()


def selection_of(mutation: str) -> str:
    """Return what a payload shows besides userErrors: ids, or what it is about."""
    kind = get_named_type(MUTATIONS[mutation].type)
    name = next(name for name in OBJECTS[kind.name].fields if name != "userErrors")
    return f"{name} {{ id }}"


@pytest.mark.parametrize("mutation", OTHER)
async def test_the_same_call_again_is_done_once_and_answered_alike(
    http: httpx.AsyncClient, ids: Ids, mutation: str
) -> None:
    first = await mutate(http, ids["$token"], mutation, selection_of(mutation), filled(mutation, ids))
    before = await everything_stored()

    again = await mutate(http, ids["$token"], mutation, selection_of(mutation), filled(mutation, ids))

    assert problems(first) == []
    assert again == first
    assert await everything_stored() == before


@pytest.mark.parametrize("mutation", OTHER)
async def test_two_calls_at_once_are_done_once_and_answered_alike(
    http: httpx.AsyncClient, ids: Ids, mutation: str
) -> None:
    one, two = await asyncio.gather(
        *(mutate(http, ids["$token"], mutation, selection_of(mutation), filled(mutation, ids)) for _ in range(2))
    )
    before = await everything_stored()
    again = await mutate(http, ids["$token"], mutation, selection_of(mutation), filled(mutation, ids))

    assert problems(one) == []
    assert one == two == again
    assert await everything_stored() == before


@pytest.mark.parametrize("mutation", OTHER)
async def test_the_key_with_another_input_is_refused_and_nothing_changes(
    http: httpx.AsyncClient, ids: Ids, mutation: str
) -> None:
    await mutate(http, ids["$token"], mutation, "", filled(mutation, ids))
    before = await everything_stored()

    payload = await mutate(http, ids["$token"], mutation, "", filled(mutation, ids, **OTHER[mutation]))

    assert problems(payload) == [("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")]
    assert await everything_stored() == before


@pytest.mark.parametrize("mutation", OTHER)
async def test_a_refused_call_leaves_its_key_free(http: httpx.AsyncClient, ids: Ids, mutation: str) -> None:
    field = next(field for field in GOOD[mutation] if field.endswith("Id"))
    unknown = filled(mutation, ids, **{field: f"$unknown {field.removesuffix('Id')}"})

    assert problems(await mutate(http, ids["$token"], mutation, "", unknown)) == [("NOT_FOUND", field)]

    assert await IdempotencyKey.all().count() == 0
    assert problems(await mutate(http, ids["$token"], mutation, "", filled(mutation, ids))) == []


async def test_what_was_made_under_a_key_and_removed_since_is_not_made_again(http: httpx.AsyncClient, ids: Ids) -> None:
    added = await mutate(http, ids["$token"], "addStep", "step { id }", filled("addStep", ids))
    await mutate(http, ids["$token"], "removeStep", "", {"stepId": added["step"]["id"]})
    before = await everything_stored()

    again = await mutate(http, ids["$token"], "addStep", "step { id }", filled("addStep", ids))

    assert (again["step"], problems(again)) == (None, [("NOT_FOUND", "")])
    assert await everything_stored() == before


async def test_another_account_may_use_the_same_key(http: httpx.AsyncClient, services: Services, ids: Ids) -> None:
    await mutate(http, ids["$token"], "addStep", "", filled("addStep", ids))
    other = await Account.exclude(id=int(ids["$account"])).get()

    given = filled("addStep", ids, cycleId="$foreign cycle")
    payload = await mutate(http, await a_token(services, other), "addStep", "step { id }", given)

    assert problems(payload) == []
