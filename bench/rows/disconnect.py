"""Disconnecting an organization with many open SMS cases, beside the bare UPDATE statements over the same rows."""

import time
from datetime import UTC, date, datetime
from functools import partial

from tortoise.transactions import in_transaction

from bench.cases import Organization, an_organization, open_many
from bench.effort import Effort, Sizes
from bench.measure import AtMost, Beside, Line, Unit, alternate, growth
from bench.world import World
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.choices import IntegrationKind
from dunlin.domain.store import rows
from dunlin.runtime.wiring import Services

NAME = "disconnect"

_SIZES = Sizes(smallest=[10], quick=[1_000, 10_000], full=[1_000, 10_000, 100_000], full_rounds=3)
_BARE = (
    "UPDATE integration SET status = 'DISCONNECTED', connection_id = NULL WHERE organization_id = $1",
    "UPDATE collection_step SET communication_method = 'NONE', version = version + 1"
    " WHERE organization_id = $1 AND communication_method = 'SMS'",
    "UPDATE case_step SET communication_method = 'NONE', skipped_reason = 'SMS was disconnected.'"
    " WHERE organization_id = $1 AND communication_method = 'SMS' AND state = 'PENDING'",
    "UPDATE reminder SET status = 'CANCELED', status_reason = 'SMS was disconnected.'"
    " WHERE organization_id = $1 AND status = 'SCHEDULED'",
)


async def measure(world: World, effort: Effort) -> list[Line]:
    sizes = _SIZES.of(effort)
    async with world.database() as services:
        acts = {("dunlin", size): partial(_seconds, services, size) for size in sizes}
        acts[("limit", sizes[-1])] = partial(_bare_seconds, services, sizes[-1])
        figures = await alternate(_SIZES.rounds(effort), acts)
    largest = sizes[-1]
    ours = [1_000 * took for took in figures[("dunlin", largest)]]
    limit = Beside("the bare UPDATEs", [1_000 * took for took in figures[("limit", largest)]])
    costs = {size: [took / size for took in figures[("dunlin", size)]] for size in sizes}
    return [
        Line(NAME, f"{largest:,}", "open SMS cases", ours, Unit.MILLISECONDS, limit, AtMost(1.5)),
        *growth(NAME, "case", costs),
    ]


async def with_open_cases(services: Services, count: int) -> Organization:
    organization = await an_organization(services)
    await open_many(services, organization, count, due_on=date(datetime.now(UTC).year + 1, 1, 1))
    await rows("VACUUM ANALYZE")
    return organization


async def _seconds(services: Services, count: int) -> float:
    organization = await with_open_cases(services, count)
    began = time.perf_counter()
    await disconnect_integration(
        services.store,
        organization.viewer,
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=datetime.now(UTC),
    )
    return time.perf_counter() - began


async def _bare_seconds(services: Services, count: int) -> float:
    organization = await with_open_cases(services, count)
    began = time.perf_counter()
    async with in_transaction() as connection:
        for statement in _BARE:
            await connection.execute_query(statement, [organization.id])
    return time.perf_counter() - began
