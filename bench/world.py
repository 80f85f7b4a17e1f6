"""What the benches run on: embedded servers in a folder of their own, and a carrier in a process of its own."""

import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from dunlin.domain.actions.create_organization import store_organization
from dunlin.domain.actions.open_cases import open_cases
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.audit import Actor
from dunlin.domain.carrier import TwilioCredentials
from dunlin.domain.choices import (
    ActorKind,
    CaseOrigin,
    CommunicationMethod,
    IntegrationKind,
    IntegrationStatus,
    Permission,
    Weekday,
)
from dunlin.domain.rules.case_input import MAX_CASES, NewCase, NewCustomer
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.tables import Account, CollectionCycle, CollectionStep, Connection, Integration, StepTexts
from dunlin.domain.viewer import Viewer
from dunlin.runtime.database import migrate
from dunlin.runtime.embedded import with_embedded
from dunlin.runtime.settings import Settings
from dunlin.runtime.wiring import Services, open_services

CREDENTIALS = TwilioCredentials("AC" + "be" * 16, "0" * 32)
SENDER = "+15005550006"
TEXT = "Dear Ada Reyes, 84.50 euro was due on January 15, 2026."


@asynccontextmanager
async def running_carrier() -> AsyncIterator[str]:
    """Start the carrier and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.carrier", str(port))
    try:
        await _until_listening(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _until_listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


@asynccontextmanager
async def running_services(carrier: str) -> AsyncIterator[Services]:
    with ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dunlin-bench-")))
        settings = with_embedded(Settings(var=var, twilio_url=carrier), stack)
        assert settings.database_url is not None
        await migrate(settings.database_url)
        async with open_services(settings) as services:
            yield services


@dataclass(frozen=True, slots=True)
class BenchOrganization:
    organization_id: int
    account_id: int
    cycle_id: int


async def schedule_reminders(services: Services, count: int) -> BenchOrganization:
    """Put in an organization with `count` reminders that are due now."""
    organization = await a_connected_organization(services)
    for start in range(0, count, MAX_CASES):
        cases = [a_case(place) for place in range(start, min(start + MAX_CASES, count))]
        await open_bench_cases(services, organization, cases, datetime.now(UTC))
    while await plan_reminders(services.store, datetime.now(UTC)):
        pass
    return organization


BENCH = Actor(ActorKind.COMMAND_LINE, "bench", "bench", None)


async def open_bench_cases(
    services: Services, organization: BenchOrganization, cases: list[NewCase], now: datetime
) -> None:
    await open_cases(
        services.store,
        Viewer(BENCH, organization.account_id, None, frozenset(Permission), None),
        organization_id=organization.organization_id,
        cycle_id=organization.cycle_id,
        cases=cases,
        now=now,
    )


async def a_connected_organization(services: Services) -> BenchOrganization:
    """Put in an organization with SMS connected and a cycle of one step that is due at once."""
    account = await Account.create(name="Bench")
    organization = await store_organization(
        account_id=account.id,
        name="Bench",
        country="BE",
        time_zone="Europe/Brussels",
        default_language="en",
        window=SendWindow("00:00", "24:00", frozenset(Weekday)),
        skip_holidays=False,
    )
    connection = await Connection.create(
        organization_id=organization.id,
        integration_id=(await Integration.get(organization_id=organization.id, kind=IntegrationKind.SMS)).id,
        provider="SANDBOX",
        sender_kind="PHONE_NUMBER",
        sender=SENDER,
        sealed_credentials=services.vault.seal(CREDENTIALS, organization_id=organization.id),
    )
    await Integration.filter(organization_id=organization.id).update(
        status=IntegrationStatus.CONNECTED, connection_id=connection.id
    )
    cycle = await CollectionCycle.create(organization_id=organization.id, name="Bench")
    texts = await StepTexts.create(organization_id=organization.id, sms={"en": TEXT})
    await CollectionStep.create(
        organization_id=organization.id,
        cycle_id=cycle.id,
        position=1,
        name="Bench",
        trigger_days=0,
        communication_method=CommunicationMethod.SMS,
        texts_id=texts.id,
    )
    return BenchOrganization(organization.id, account.id, cycle.id)


def a_case(place: int, due_on: date = date(2026, 1, 15)) -> NewCase:
    customer = NewCustomer(f"C-{place}", "Ada Reyes", "en", f"+4477009{place % 100000:05d}", None)
    reference = f"INV-{place}"
    return NewCase(reference, CaseOrigin.OVERDUE_INVOICE, None, customer, Decimal("84.50"), "EUR", due_on)
