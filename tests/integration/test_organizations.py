"""Organizations are created, renamed and closed; closing one does all that disconnecting does."""

import asyncio

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.close_organization import close_organization
from dunlin.domain.carrier import Accepted, Unreached
from dunlin.domain.choices import CaseClosedReason, CaseState, CaseStepState, IntegrationKind, IntegrationStatus
from dunlin.domain.errors import ProblemCode, Refusal
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.tables import (
    Account,
    CaseStep,
    CollectionCase,
    CollectionStep,
    Integration,
    Organization,
    Reminder,
)
from dunlin.runtime.wiring import Services
from tests.build import (
    NONE,
    NOW,
    SMS,
    a_collecting_organization,
    a_new_case,
    a_token,
    a_viewer,
    an_account,
    an_organization,
    everything_stored,
    open_one,
)
from tests.client import JSON, ask, mutate, problems
from tests.delivery import SID, answer, begin, mark, plan
from tests.integration.test_api_refusals import GOOD, Ids, filled
from tests.integration.test_api_refusals import ground as ground  # the fixtures
from tests.integration.test_api_refusals import ids as ids

SHOWN = "organization { name country timeZone defaultLanguage closedAt sendingPolicy { windowStart windowEnd days } }"


@pytest_asyncio.fixture
async def account(services: Services) -> Account:
    return await an_account()


@pytest_asyncio.fixture
async def token(services: Services, account: Account) -> str:
    return await a_token(services, account)


async def close(services: Services, organization: Organization, *, confirmed: bool = True) -> Organization:
    return await close_organization(
        services.store, a_viewer(organization), organization_id=organization.id, confirmed=confirmed, now=NOW
    )


async def until_closed() -> None:
    async with asyncio.timeout(5):
        while not await Organization.filter(closed_at__isnull=False).exists():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_new_organization_has_every_card_disconnected_and_a_modest_window(
    http: httpx.AsyncClient, token: str
) -> None:
    shown = SHOWN.replace("closedAt", "closedAt integrations { kind status }")

    payload = await mutate(http, token, "createOrganization", shown, GOOD["createOrganization"])

    assert problems(payload) == []
    made = payload["organization"]
    assert (made["name"], made["country"], made["timeZone"], made["closedAt"]) == (
        "Gasworks",
        "NL",
        "Europe/Amsterdam",
        None,
    )
    assert {"kind": "SMS", "status": "DISCONNECTED"} in made["integrations"]
    assert "SUNDAY" not in made["sendingPolicy"]["days"]
    assert (made["sendingPolicy"]["windowStart"], made["sendingPolicy"]["windowEnd"]) == ("08:00", "20:00")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"name": " "}, [("INVALID", "name")], id="empty-name"),
        pytest.param({"name": "Waterworks"}, [("DUPLICATE", "name")], id="a-name-that-is-taken"),
        pytest.param({"country": "XX"}, [("INVALID", "country")], id="no-country"),
        pytest.param({"defaultLanguage": "xx"}, [("INVALID", "defaultLanguage")], id="no-language"),
    ],
)
async def test_a_bad_organization_is_refused_by_name(
    http: httpx.AsyncClient, account: Account, token: str, changed: JSON, expected: list[tuple[str, str]]
) -> None:
    await an_organization(account)
    before = await everything_stored()

    payload = await mutate(http, token, "createOrganization", SHOWN, {**GOOD["createOrganization"], **changed})

    assert (problems(payload), payload["organization"]) == (expected, None)
    assert await everything_stored() == before


async def test_of_two_that_are_created_at_once_with_one_name_one_is_refused(
    http: httpx.AsyncClient, token: str
) -> None:
    both = await asyncio.gather(
        *(mutate(http, token, "createOrganization", "", GOOD["createOrganization"]) for _ in range(2))
    )

    assert sorted(len(payload["userErrors"]) for payload in both) == [0, 1]
    assert await Organization.all().count() == 1


async def test_who_is_of_some_organizations_creates_none(
    http: httpx.AsyncClient, services: Services, account: Account
) -> None:
    limited = await a_token(services, account, only=(await an_organization(account)).id)

    payload = await mutate(http, limited, "createOrganization", "", GOOD["createOrganization"])

    assert problems(payload) == [("WRONG_STATE", "")]


async def test_a_renamed_organization_bears_its_new_name_and_the_old_one_is_free(
    http: httpx.AsyncClient, account: Account, token: str
) -> None:
    organization = await an_organization(account)
    given = {"organizationId": encode_id("Organization", organization.id), "name": " Gasworks "}

    renamed = await mutate(http, token, "renameOrganization", SHOWN, given)
    again = await mutate(http, token, "renameOrganization", SHOWN, given)
    taken = await mutate(http, token, "createOrganization", "", GOOD["createOrganization"])
    free = await mutate(http, token, "createOrganization", "", {**GOOD["createOrganization"], "name": "Waterworks"})

    assert renamed["organization"]["name"] == again["organization"]["name"] == "Gasworks"
    assert (problems(renamed), problems(again), problems(free)) == ([], [], [])
    assert problems(taken) == [("DUPLICATE", "name")]


async def test_closing_needs_the_confirmation_and_changes_nothing_without(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    before = await everything_stored()

    with pytest.raises(Refusal) as refused:
        await close(services, organization, confirmed=False)

    assert [problem.code for problem in refused.value.problems] == [ProblemCode.CONFIRMATION_REQUIRED]
    assert await everything_stored() == before


async def test_closing_disconnects_cancels_and_ends_every_case_of_that_organization_only(services: Services) -> None:
    account = await an_account()
    organization, cycle = await a_collecting_organization(services, account)
    beside, its_cycle = await a_collecting_organization(services, account, name="Beside")
    for one in (cycle, its_cycle):
        await open_one(services, one, a_new_case("INV-1"))
    await plan(services)
    await open_one(services, cycle, a_new_case("INV-2"))
    await open_one(services, its_cycle, a_new_case("INV-2"))

    closed = await close(services, organization)

    assert closed.closed_at == NOW
    assert (
        await Integration.get(organization_id=organization.id, kind=IntegrationKind.SMS)
    ).status is IntegrationStatus.DISCONNECTED
    assert (await CollectionStep.get(cycle_id=cycle.id)).communication_method is NONE
    reminder = await Reminder.get(organization_id=organization.id)
    assert (reminder.status, reminder.status_reason) == (ReminderStatus.CANCELED, "SMS was disconnected.")
    cases = await CollectionCase.filter(organization_id=organization.id)
    assert {(case.state, case.next_action_at) for case in cases} == {(CaseState.CLOSED, None)}
    assert CaseClosedReason.MANUAL in {case.closed_reason for case in cases}
    steps = await CaseStep.filter(organization_id=organization.id).order_by("id")
    assert {step.state for step in steps} == {CaseStepState.SKIPPED}
    assert steps[-1].skipped_reason == "A person closed the case: The organization was closed."
    assert (
        await Integration.get(organization_id=beside.id, kind=IntegrationKind.SMS)
    ).status is IntegrationStatus.CONNECTED
    assert (await CollectionStep.get(cycle_id=its_cycle.id)).communication_method is SMS
    assert (await Reminder.get(organization_id=beside.id)).status is ReminderStatus.SCHEDULED
    assert await CollectionCase.filter(organization_id=beside.id, state=CaseState.ACTIVE).count() == 2


async def test_closing_waits_for_what_is_on_its_way_out(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services)
    handovers = await begin(services)

    closing = asyncio.create_task(close(services, organization))
    await until_closed()
    assert not closing.done()
    await answer(services, handovers, Accepted(SID))
    await closing

    assert (await Reminder.get()).status is ReminderStatus.SENT
    assert (await CollectionCase.get()).state is CaseState.CLOSED


async def test_what_the_carrier_did_not_take_before_closing_is_canceled(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services)
    handovers = await begin(services)
    closing = asyncio.create_task(close(services, organization))
    await until_closed()

    await answer(services, handovers, Unreached("no route"))
    await closing

    assert (await Reminder.get()).status is ReminderStatus.CANCELED
    assert await mark(services, await claim_reminders(services.store, limit=10), NOW) == []


# Tokens are the account's, and an organization is not created in another one.
OF_AN_ORGANIZATION = [name for name in GOOD if name not in ("createToken", "revokeToken", "createOrganization")]


@pytest.mark.parametrize("mutation", OF_AN_ORGANIZATION)
async def test_a_closed_organization_can_be_read_and_nothing_else(
    http: httpx.AsyncClient, ids: Ids, mutation: str
) -> None:
    for name in ("$organization", "$bare"):
        payload = await mutate(
            http, ids["$token"], "closeOrganization", "", {"organizationId": ids[name], "confirmed": True}
        )
        assert problems(payload) == []
    before = await everything_stored()

    payload = await mutate(http, ids["$token"], mutation, "", filled(mutation, ids))

    assert problems(payload)[0][0] in ("WRONG_STATE", "NOT_CONNECTED")
    assert await everything_stored() == before
    data = await ask(
        http, ids["$token"], "{ organizations { nodes { name closedAt collectionCases { totalCount } } } }"
    )
    assert [node["closedAt"] is not None for node in data["organizations"]["nodes"]] == [True, True]
