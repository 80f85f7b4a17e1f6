from datetime import timedelta

from dunlin.domain.actions.destroy_credentials import destroy_credentials
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.record_reports import find_attempts, record_report
from dunlin.domain.carrier import Accepted, StatusReport
from dunlin.domain.choices import IntegrationKind, IntegrationStatus
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import rows
from dunlin.domain.tables import Connection, Integration, Organization
from dunlin.domain.times import SendingTimes
from dunlin.runtime.wiring import Services
from tests.build import NOW, a_collecting_organization, a_viewer, connect_sms, open_one
from tests.delivery import SID, answer, begin, plan


async def disconnect(services: Services, organization: Organization) -> None:
    await disconnect_integration(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=NOW,
    )


async def keys() -> list[bool]:
    """Whether each connection still has its keys, oldest first."""
    return [row.sealed_credentials is not None for row in await Connection.all().order_by("id")]


async def test_the_keys_of_a_connection_in_use_are_never_destroyed(services: Services) -> None:
    await a_collecting_organization(services)
    await rows("UPDATE connection SET created_at = created_at - interval '1 year'")

    assert await destroy_credentials(services.store) == 0
    assert await keys() == [True]


async def test_with_nothing_at_the_carrier_a_disconnect_leaves_no_keys(services: Services) -> None:
    organization, _ = await a_collecting_organization(services)
    await disconnect(services, organization)

    assert await destroy_credentials(services.store) == 1
    assert await keys() == [False]


async def test_keys_are_kept_until_the_last_report_has_come(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services, NOW)
    handovers = await begin(services)
    await answer(services, handovers, Accepted(SID))
    await disconnect(services, organization)
    await rows("UPDATE connection SET disconnected_at = clock_timestamp()")
    assert await destroy_credentials(services.store) == 0
    assert await find_attempts([handovers[0].correlation])

    delivered = StatusReport("AC" + "5a" * 16, SID, ReminderStatus.DELIVERED, None, None)
    await record_report(services.store, handovers[0].correlation, delivered, NOW)

    assert await destroy_credentials(services.store) == 1
    assert not await find_attempts([handovers[0].correlation])


async def test_keys_are_kept_no_longer_than_72_hours_whatever_is_still_to_come(services: Services) -> None:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services, NOW)
    await answer(services, await begin(services), Accepted(SID))
    await disconnect(services, organization)
    await rows(
        "UPDATE connection SET disconnected_at = clock_timestamp() - $1::interval",
        SendingTimes().keys_kept + timedelta(seconds=1),
    )

    assert await destroy_credentials(services.store) == 1


async def test_connecting_anew_leaves_no_keys_of_the_account_that_was_refused(services: Services) -> None:
    organization, _ = await a_collecting_organization(services)
    await Integration.filter(kind=IntegrationKind.SMS).update(status=IntegrationStatus.NEEDS_ATTENTION)
    await connect_sms(services, organization)

    assert await destroy_credentials(services.store) == 1
    assert await keys() == [False, True]
