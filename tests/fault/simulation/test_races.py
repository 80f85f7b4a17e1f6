"""Where two transactions meet: what no order of whole actions shows, with two connections and one of them stopped."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from dunlin.domain.actions import deliver, hold_due, plan_reminders, record
from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.record_payment import record_payment
from dunlin.domain.carrier import Unreached
from dunlin.domain.choices import IntegrationKind
from dunlin.domain.rules.payment import NewPayment
from dunlin.domain.store import Store, rows
from dunlin.domain.tables import CollectionCase, Organization
from dunlin.domain.times import SendingTimes
from dunlin.runtime.wiring import Services
from tests.build import NOW, a_collecting_organization, a_viewer, open_one
from tests.delivery import begin, plan
from tests.fault.simulation.ground import NoBell
from tests.fault.simulation.mutants import Mutant, without
from tests.fault.simulation.promises import BrokenPromise

PATIENCE_S = 5.0
QUICK = Store(NoBell(), SendingTimes().divided_by(20))


@asynccontextmanager
async def stopped_at(
    patch: pytest.MonkeyPatch, module: ModuleType, name: str, act: Coroutine[Any, Any, Any]
) -> AsyncIterator[asyncio.Task[Any]]:
    """Run `act` up to the function `name`, in the middle of its transaction; let it go on at the end of the block."""
    whole: Callable[..., Awaitable[Any]] = getattr(module, name)
    has_come, may_go_on = asyncio.Event(), asyncio.Event()

    async def stop(*arguments: Any) -> Any:
        has_come.set()
        await may_go_on.wait()
        return await whole(*arguments)

    patch.setattr(module, name, stop)
    acting = asyncio.create_task(act)
    await asyncio.wait_for(has_come.wait(), PATIENCE_S)
    yield acting
    may_go_on.set()
    await asyncio.wait_for(acting, PATIENCE_S)


async def until_blocked_or_done(task: asyncio.Task[Any]) -> None:
    """Return when a task has ended, or waits for what another transaction holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not task.done():
            if await rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' LIMIT 1"):
                return
            await asyncio.sleep(0.01)


async def disconnect() -> None:
    organization = await Organization.get()
    await disconnect_integration(
        QUICK,
        a_viewer(organization),
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=NOW,
    )


async def pay_in_full() -> None:
    case = await CollectionCase.get()
    payment = NewPayment(case.amount_due, case.currency, None, None)
    viewer = a_viewer(await Organization.get())
    await record_payment(QUICK, viewer, case_id=case.id, payment=payment, idempotency_key=None, now=NOW)


async def a_case(services: Services) -> None:
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)


async def ends_while_it_is_marked(
    patch: pytest.MonkeyPatch, services: Services, end: Coroutine[Any, Any, None]
) -> None:
    await a_case(services)
    await plan(services, NOW)
    claims = await claim_reminders(QUICK, limit=10)
    async with stopped_at(patch, deliver, "_decide", deliver.mark_sending(QUICK, claims, datetime.now(UTC))) as marking:
        ending = asyncio.create_task(end)
        await until_blocked_or_done(ending)
        is_reported = ending.done()
    await ending
    if is_reported and marking.result().handovers:
        raise BrokenPromise("marked after the end was reported")


async def disconnected_while_it_is_marked(patch: pytest.MonkeyPatch, services: Services) -> None:
    await ends_while_it_is_marked(patch, services, disconnect())


async def paid_while_it_is_marked(patch: pytest.MonkeyPatch, services: Services) -> None:
    await ends_while_it_is_marked(patch, services, pay_in_full())


async def disconnected_while_it_is_planned(patch: pytest.MonkeyPatch, services: Services) -> None:
    await a_case(services)
    planning = plan_reminders.plan_reminders(QUICK, NOW)
    async with stopped_at(patch, plan_reminders, "_decide_in_turn", planning):
        ending = asyncio.create_task(disconnect())
        await until_blocked_or_done(ending)
    await ending
    await require_nothing_scheduled()


async def disconnected_while_it_is_given_back(patch: pytest.MonkeyPatch, services: Services) -> None:
    await a_case(services)
    await plan(services, NOW)
    answers = [(handover, Unreached("No connection.")) for handover in await begin(services)]
    async with stopped_at(patch, record, "change_status", record.record_answers(QUICK, answers, NOW)):
        ending = asyncio.create_task(disconnect())
        await until_blocked_or_done(ending)
    await ending
    await require_nothing_scheduled()


async def require_nothing_scheduled() -> None:
    if await rows("SELECT 1 FROM reminder WHERE status = 'SCHEDULED'"):
        raise BrokenPromise("something is scheduled although a disconnect was reported")


Race = Callable[[pytest.MonkeyPatch, Services], Awaitable[None]]

_NO_LOCKS = without(deliver, "_HOLD", "FOR NO KEY UPDATE OF r, c, customer SKIP LOCKED\nFOR SHARE OF i SKIP LOCKED")
_MARKS_FREELY = Mutant("marking holds nothing", _NO_LOCKS)
_PLANS_FREELY = Mutant("planning holds no integration", without(hold_due, "_HOLD", "FOR SHARE SKIP LOCKED"))


async def _hold_nothing(*_what: object) -> None: ...


_GIVES_BACK_FREELY = Mutant(
    "giving back holds nothing", lambda patch: patch.setattr(record, "_hold_what_follows", _hold_nothing)
)

RACES: list[tuple[Race, Mutant]] = [
    (disconnected_while_it_is_marked, _MARKS_FREELY),
    (paid_while_it_is_marked, _MARKS_FREELY),
    (disconnected_while_it_is_planned, _PLANS_FREELY),
    (disconnected_while_it_is_given_back, _GIVES_BACK_FREELY),
]


@pytest.mark.parametrize("race", [race for race, _ in RACES])
async def test_the_end_comes_before_or_after_never_between(
    race: Race, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await race(monkeypatch, services)


@pytest.mark.parametrize(("race", "mutant"), RACES)
async def test_without_its_locks_the_end_comes_between(
    race: Race, mutant: Mutant, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant.begin(monkeypatch)
    with pytest.raises(BrokenPromise):
        await race(monkeypatch, services)
