"""From the debtor's phone, as the sandbox plays it, through the carrier to the customer's row."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest

from dunlin.domain.actions.connect_integration import connect_integration
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.choices import InboundTextKind, IntegrationKind, OptOutSource
from dunlin.domain.tables import CollectionCase, Connection, Customer, InboundText, Organization, Reminder, SmsOptOut
from dunlin.runtime.wiring import Services
from tests.build import NOW, PHONE, a_collecting_organization, a_token, a_viewer, an_organization, open_one
from tests.client import ask
from tests.conftest import SANDBOX_ACCOUNT, SandboxCarrier
from tests.delivery import plan
from tests.inbound import path_of


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def say(sandbox: SandboxCarrier, body: str) -> None:
    form = {"from": PHONE, "to": SANDBOX_ACCOUNT.phone_numbers[0], "body": body}
    async with httpx.AsyncClient(base_url=sandbox.address) as phone:
        answered = await phone.post("/sandbox/inbound", data=form)
    assert answered.json()["brought_to"] is not None


@pytest.mark.usefixtures("http")  # the API must listen
async def test_connecting_with_the_sandbox_is_enough_to_be_answered(
    services: Services, sandbox: SandboxCarrier
) -> None:
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services, NOW)

    await say(sandbox, "lõpetage palun")
    await until(SmsOptOut.exists)

    assert (await SmsOptOut.get()).source is OptOutSource.SMS
    assert (await Customer.get()).sms_opted_out_at is not None
    assert (await Reminder.get()).status_reason == "The customer has opted out of SMS."


@pytest.mark.usefixtures("http")
async def test_start_lifts_what_the_carrier_and_we_have_noted(services: Services, sandbox: SandboxCarrier) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)

    await say(sandbox, "STOP")
    await until(SmsOptOut.exists)
    await say(sandbox, "START")
    await until(SmsOptOut.filter(lifted_at__isnull=False).exists)

    assert not sandbox.world.switchboard.refuses(SANDBOX_ACCOUNT.sid, SANDBOX_ACCOUNT.phone_numbers[0], PHONE)
    assert (await Customer.get(organization_id=organization.id)).sms_opted_out_at is None


@pytest.mark.usefixtures("http")
async def test_an_ordinary_answer_reaches_the_case(services: Services, sandbox: SandboxCarrier) -> None:
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)

    await say(sandbox, "I stopped by the bank and paid")
    await until(InboundText.exists)

    assert (await InboundText.get()).kind is InboundTextKind.OTHER
    assert (await CollectionCase.get()).attention_reason == "The customer has answered by SMS."


async def test_an_address_of_somebody_elses_stays_and_the_integration_says_so(
    http: httpx.AsyncClient, services: Services, sandbox: SandboxCarrier
) -> None:
    account, number = SANDBOX_ACCOUNT.sid, SANDBOX_ACCOUNT.phone_numbers[0]
    sandbox.world.switchboard.set_address(account, number, "https://crm.example/sms")
    organization, _ = await a_collecting_organization(services)
    token = await a_token(services, organization)
    shown = "{ organizations { nodes { integration(kind: SMS) { inboundUrl inboundIsSet } } } }"

    before = (await ask(http, token, shown))["organizations"]["nodes"][0]["integration"]
    assert sandbox.world.switchboard.address(account, number) == "https://crm.example/sms"
    assert before["inboundIsSet"] is False

    sandbox.world.switchboard.set_address(account, number, before["inboundUrl"])  # a person pastes it
    await say(sandbox, "Hello")
    await until(Connection.filter(inbound_is_set=True).exists)
    after = (await ask(http, token, shown))["organizations"]["nodes"][0]["integration"]
    assert after["inboundIsSet"] is True


async def test_a_connect_that_is_only_repeated_sets_nothing_after_a_disconnect(
    services: Services, sandbox: SandboxCarrier
) -> None:
    organization = await an_organization()
    number = SANDBOX_ACCOUNT.phone_numbers[0]
    await connect(services, organization)
    await disconnect(services, organization)
    sandbox.world.switchboard.set_address(SANDBOX_ACCOUNT.sid, number, "")

    await connect(services, organization)

    assert sandbox.world.switchboard.address(SANDBOX_ACCOUNT.sid, number) == ""


async def connect(services: Services, organization: Organization) -> None:
    """Connect, each time with the same key: only the first does anything."""
    account = services.default_accounts[IntegrationKind.SMS]
    await connect_integration(
        services.store,
        a_viewer(organization),
        services.channels,
        services.vault,
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        account=account,
        idempotency_key="once",
        now=datetime.now(UTC),
    )


async def disconnect(services: Services, organization: Organization) -> None:
    await disconnect_integration(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        idempotency_key=None,
        now=datetime.now(UTC),
    )


async def test_an_address_of_ours_gives_way_to_that_of_who_connects_next(
    services: Services, sandbox: SandboxCarrier
) -> None:
    first, _ = await a_collecting_organization(services, name="First")
    second, _ = await a_collecting_organization(services, name="Second")

    assert [connection.inbound_is_set for connection in await Connection.all()] == [True, True]
    address = sandbox.world.switchboard.address(SANDBOX_ACCOUNT.sid, SANDBOX_ACCOUNT.phone_numbers[0])
    assert await path_of(second) in address
    assert await path_of(first) not in address
