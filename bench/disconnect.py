"""Disconnecting a large organization, beside the bare UPDATE statements over the same rows."""

import time
from datetime import UTC, date, datetime

from tortoise.transactions import in_transaction

from bench.world import BENCH, BenchOrganization, a_case, a_connected_organization, open_bench_cases
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.choices import IntegrationKind, Permission
from dunlin.domain.rules.case_input import MAX_CASES
from dunlin.domain.store import rows
from dunlin.domain.viewer import Viewer
from dunlin.runtime.wiring import Services

BARE = (
    "UPDATE integration SET status = 'DISCONNECTED', connection_id = NULL WHERE organization_id = $1",
    "UPDATE collection_step SET communication_method = 'NONE', version = version + 1"
    " WHERE organization_id = $1 AND communication_method = 'SMS'",
    "UPDATE case_step SET communication_method = 'NONE', skipped_reason = 'SMS was disconnected.'"
    " WHERE organization_id = $1 AND communication_method = 'SMS' AND state = 'PENDING'",
    "UPDATE reminder SET status = 'CANCELED', status_reason = 'SMS was disconnected.'"
    " WHERE organization_id = $1 AND status = 'SCHEDULED'",
)


async def an_organization_with_open_cases(services: Services, count: int) -> BenchOrganization:
    organization = await a_connected_organization(services)
    ahead = date(datetime.now(UTC).year + 1, 1, 1)
    for start in range(0, count, MAX_CASES):
        cases = [a_case(place, due_on=ahead) for place in range(start, start + MAX_CASES)]
        await open_bench_cases(services, organization, cases, datetime.now(UTC))
    await rows("VACUUM ANALYZE")
    return organization


async def dunlin_seconds(services: Services, count: int) -> float:
    organization = await an_organization_with_open_cases(services, count)
    began = time.perf_counter()
    await disconnect(services, organization)
    return time.perf_counter() - began


async def disconnect(services: Services, organization: BenchOrganization) -> None:
    await disconnect_integration(
        services.store,
        Viewer(BENCH, organization.account_id, None, frozenset(Permission), None),
        organization_id=organization.organization_id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=datetime.now(UTC),
    )


async def bare_seconds(services: Services, count: int) -> float:
    organization = await an_organization_with_open_cases(services, count)
    began = time.perf_counter()
    async with in_transaction() as connection:
        for statement in BARE:
            await connection.execute_query(statement, [organization.organization_id])
    return time.perf_counter() - began
