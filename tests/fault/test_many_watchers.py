"""Many who watch over one API process cost memory by connection and not by event, and each sees all of its own."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import psutil
import websockets

from dunlin.api.ids import encode_id
from dunlin.api.types.reminder import event_cursor
from dunlin.domain.actions.open_cases import open_cases
from dunlin.domain.store import rows
from dunlin.domain.tables import Reminder
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_new_case, a_token, a_viewer, an_account
from tests.delivery import plan
from tests.flow.test_api_process import an_api_process, answer_of

_WATCH = """subscription ($id: ID!, $reminderId: ID!, $after: String) {
  deliveryStatus(organizationId: $id, reminderId: $reminderId, after: $after) { reason } }"""
_EACH = 5  # events of one watcher in one round
_ROUNDS = 5  # after three, memory holds all the events that it ever will
_AT_ONCE = 25
_LARGEST_CONNECTION = 80 * 1024
_NOISE = 8 * 1024 * 1024


@dataclass(slots=True)
class Watcher:
    """Watches one reminder. `seen` are the reasons of its events, which are their numbers here."""

    token: str
    reminder: Reminder
    seen: list[int] = field(default_factory=list)
    watches: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, address: str, places: asyncio.Semaphore) -> None:
        protocol = websockets.Subprotocol("graphql-transport-ws")
        url = address.replace("http://", "ws://") + "/graphql"
        variables = {
            "id": encode_id("Organization", self.reminder.organization_id),
            "reminderId": encode_id("Reminder", self.reminder.id),
            "after": event_cursor(self.reminder.organization_id, 0),
        }
        async with places:
            connection = await websockets.connect(
                url, subprotocols=[protocol], compression=None, ping_interval=None, open_timeout=60
            )
            init = {"type": "connection_init", "payload": {"authToken": self.token}}
            await connection.send(json.dumps(init))
            await connection.recv()
            asked = {"id": "1", "type": "subscribe", "payload": {"query": _WATCH, "variables": variables}}
            await connection.send(json.dumps(asked))
            assert json.loads(await connection.recv())["type"] == "next"  # its planning
            self.watches.set()
        async for frame in connection:
            self.seen.append(int(json.loads(frame)["payload"]["data"]["deliveryStatus"]["reason"]))
            self.news.set()

    async def has_seen(self, count: int) -> None:
        while len(self.seen) < count:
            self.news.clear()
            await self.news.wait()


async def some_watchers(services: Services, organizations: int, each: int) -> list[Watcher]:
    watchers = []
    for number in range(organizations):
        organization, cycle = await a_collecting_organization(services, await an_account(f"Owner {number}"))
        cases = [a_new_case(f"{place}", customer=f"{place}", phone=f"+4477009{place:05d}") for place in range(each)]
        await open_cases(
            services.store,
            a_viewer(organization),
            organization_id=organization.id,
            cycle_id=cycle.id,
            cases=cases,
            now=datetime.now(UTC),
        )
        token = await a_token(services, organization)
        while await plan(services):
            pass
        watchers += [Watcher(token, reminder) for reminder in await Reminder.filter(organization_id=organization.id)]
    return watchers


async def happen(services: Services, watchers: Sequence[Watcher], first: int) -> None:
    """Let some numbered events happen to each watcher's reminder."""
    for number in range(first, first + _EACH):
        await rows(
            """WITH advanced AS (
              UPDATE delivery_sequence s SET last_sequence = s.last_sequence + c.n
              FROM (SELECT organization_id, count(*) AS n FROM reminder GROUP BY organization_id) c
              WHERE c.organization_id = s.organization_id RETURNING s.organization_id, s.last_sequence - c.n AS base
            )
            INSERT INTO delivery_event
              (organization_id, sequence, reminder_id, case_id, status, reason, occurred_at)
            SELECT r.organization_id, a.base + row_number() OVER (PARTITION BY r.organization_id ORDER BY r.id),
              r.id, r.case_id, 'SENT', $1, now()
            FROM reminder r JOIN advanced a USING (organization_id)""",
            str(number),
        )
    services.store._bell.announce({watcher.reminder.organization_id for watcher in watchers})


async def test_watchers_cost_memory_by_connection_and_each_sees_exactly_its_events_in_order(
    services: Services, is_full: bool, record_property: Callable[[str, object], None]
) -> None:
    organizations, each = (20, 100) if is_full else (4, 50)
    watchers = await some_watchers(services, organizations, each)
    assert len(watchers) == organizations * each
    settings = {
        "DATABASE_URL": services.settings.database_url or "",
        "REDIS_URL": services.settings.redis_url or "",
        "SECRET_KEYS": base64.b64encode(services.settings.secret_keys[0]).decode(),
        "LIVE_CONNECTIONS_PER_ADDRESS": "5000",
    }
    before = {child.pid for child in psutil.Process().children()}
    async with an_api_process(**settings) as address, httpx.AsyncClient(base_url=address) as http:
        assert (await answer_of(http)).status_code == 200
        [process] = [child for child in psutil.Process().children() if child.pid not in before]
        places = asyncio.Semaphore(_AT_ONCE)
        warm, *others = watchers
        running = [asyncio.create_task(warm.watch(address, places))]
        await warm.watches.wait()
        sizes = [process.memory_info().rss]
        running += [asyncio.create_task(watcher.watch(address, places)) for watcher in others]
        async with asyncio.timeout(240):
            for watcher in watchers:
                await watcher.watches.wait()
        sizes.append(process.memory_info().rss)
        for round_ in range(_ROUNDS):
            began = time.perf_counter()
            await happen(services, watchers, round_ * _EACH)
            async with asyncio.timeout(240):
                for watcher in watchers:
                    await watcher.has_seen((round_ + 1) * _EACH)
            took = time.perf_counter() - began
            sizes.append(process.memory_info().rss)
        assert not any(task.done() for task in running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    assert {tuple(watcher.seen) for watcher in watchers} == {tuple(range(_ROUNDS * _EACH))}
    per_connection = (sizes[1] - sizes[0]) / len(others)
    growth = sizes[-1] - sizes[-3]
    figures = (
        f"{len(watchers):,} sockets, {per_connection / 1024:.0f} KiB each; {_EACH * len(watchers):,} events seen in"
        f" {took:.1f} s; memory {', '.join(f'{size / 2**20:.0f}' for size in sizes)} MiB"
    )
    print(figures)  # noqa: T201  # the figures of a run by hand
    record_property("watchers", figures)
    assert per_connection < _LARGEST_CONNECTION, figures
    assert growth < _NOISE, figures
