"""Planning what is due among few and among many open cases, beside the bare INSERT ... SELECT of the reminders."""

import time
import tracemalloc
from datetime import UTC, date, datetime

from tortoise.transactions import in_transaction

from bench.world import BenchOrganization, a_case, a_connected_organization, open_bench_cases
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.rules.case_input import MAX_CASES
from dunlin.domain.store import rows
from dunlin.runtime.wiring import Services

BARE = """
INSERT INTO reminder (organization_id, case_id, case_step_id, integration_id, method, "to", text, language, encoding,
  segments, scheduled_for, created_at, status, resend_number, fence, tries)
SELECT s.organization_id, s.case_id, s.id, i.id, 'SMS', customer.phone, texts.sms->>'en', 'en', 'GSM_7', 1, now(),
  now(), 'SCHEDULED', 0, 0, 0
FROM collection_case c
JOIN case_step s ON s.case_id = c.id AND s.state = 'PENDING'
JOIN step_texts texts ON texts.id = s.texts_id
JOIN customer ON customer.id = c.customer_id
JOIN integration i ON i.organization_id = c.organization_id AND i.kind = 'SMS'
WHERE c.state = 'ACTIVE' AND c.next_action_at <= now() AND c.organization_id = $1
"""


async def planning_seconds(services: Services, *, due: int, ahead: int) -> float:
    """Return how long it takes to plan `due` steps while `ahead` more cases are open and not due."""
    await _an_organization(services, due=due, ahead=ahead)
    began = time.perf_counter()
    await _plan(services)
    return time.perf_counter() - began


async def planning_peak(services: Services, *, due: int) -> int:
    """Return the most memory, in bytes, that Python's objects took while `due` steps were planned."""
    await _an_organization(services, due=due, ahead=0)
    tracemalloc.start()
    await _plan(services)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


async def bare_planning_seconds(services: Services, *, due: int) -> float:
    organization = await _an_organization(services, due=due, ahead=0)
    began = time.perf_counter()
    async with in_transaction() as connection:
        await connection.execute_query(BARE, [organization.organization_id])
    took = time.perf_counter() - began
    await rows("DELETE FROM reminder WHERE organization_id = $1", organization.organization_id)
    await _plan(services)  # or the next round would find these
    return took


async def _plan(services: Services) -> None:
    while await plan_reminders(services.store, datetime.now(UTC)):
        pass


async def _an_organization(services: Services, *, due: int, ahead: int) -> BenchOrganization:
    organization = await a_connected_organization(services)
    next_year = date(datetime.now(UTC).year + 1, 1, 1)
    cases = [a_case(place) for place in range(due)]
    cases += [a_case(place, due_on=next_year) for place in range(due, due + ahead)]
    for start in range(0, len(cases), MAX_CASES):
        await open_bench_cases(services, organization, cases[start : start + MAX_CASES], datetime.now(UTC))
    await rows("VACUUM ANALYZE")
    return organization
