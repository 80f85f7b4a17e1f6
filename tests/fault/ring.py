"""One run's own world: database, Valkey, carrier, network, API and organizations, and what was asked of it."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import httpx

from dunlin.domain.times import SendingTimes
from dunlin.sandbox.account import Account
from dunlin.sandbox.behaviour import USUAL, Behaviour
from tests.client import JSON, graphql
from tests.conftest import SANDBOX_ACCOUNT
from tests.fault.checker import Verdict, judge
from tests.fault.crew import Crew, a_crew
from tests.fault.ledger import LedgerFile
from tests.fault.nursery import Child, Nursery
from tests.fault.order import Halt, Order, Role, times
from tests.fault.proxy import Proxy, a_proxy
from tests.fault.servers import Postgres, Valkey, a_valkey
from tests.ports import free_ports

TEMPLATE = "dunlin_template"
# A second account at the carrier, for who brings one of their own.
BAD_ACCOUNT = Account(sid="AC" + "6b" * 16, auth_token="6f" * 16, friendly_name="Bad", phone_numbers=("+447700900456",))
_READY_WITHIN_S = 30
_GLANCE_S = 0.2

_OPEN = """
mutation ($input: OpenCollectionCasesInput!) { openCollectionCases(input: $input) {
  cases { id } userErrors { code message path }
} }
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """One organization, by the ids that clients use."""

    organization_id: str
    cycle_id: str
    step_id: str


@dataclass(frozen=True, slots=True)
class Case:
    """A case that was opened and is due; its customer's number is nobody else's."""

    id: str
    number: str
    ground: Ground


class Ring:
    """A run. Everything random in it comes from `chance`."""

    def __init__(
        self,
        *,
        nursery: Nursery,
        postgres: Postgres,
        database: str,
        valkey: Valkey,
        folder: Path,
        seed: int,
        divisor: float,
        asks_faster: float,
    ) -> None:
        self.nursery = nursery
        self.postgres = postgres
        self.valkey = valkey
        self.seed = seed
        self.chance = Random(seed)
        self.divisor = divisor
        self.asks_faster = asks_faster
        self.ledger = LedgerFile(folder / "ledger.jsonl")
        self.grounds: list[Ground] = []
        self.token = ""
        self.acknowledged: dict[str, float] = {}
        self.asked: set[str] = set()
        self._database = database
        self._folder = folder
        self._connection: Any = None
        self._numbers = count(self.chance.randrange(10**7) * 10)
        self._logs = count()
        self.carrier_port, self.api_port, self.smtp_port = free_ports(), free_ports(), free_ports()
        self.network: Proxy

    def environment(self, port: int | None = None) -> dict[str, str]:
        return {
            "DUNLIN_DATABASE_URL": self.postgres.url(self._database),
            "DUNLIN_REDIS_URL": self.valkey.url,
            "DUNLIN_SECRET_KEYS": base64.b64encode(b"k" * 32).decode(),
            "DUNLIN_TWILIO_URL": self.network.address,
            "DUNLIN_PUBLIC_URL": f"http://127.0.0.1:{self.api_port}",
            "DUNLIN_PORT": str(port or self.api_port),
            "DUNLIN_SANDBOX_ACCOUNT_SID": SANDBOX_ACCOUNT.sid,
            "DUNLIN_SANDBOX_AUTH_TOKEN": SANDBOX_ACCOUNT.auth_token,
            "DUNLIN_SANDBOX_SENDER": SANDBOX_ACCOUNT.phone_numbers[0],
            "DUNLIN_VAR": str(self._folder),
        }

    def order(
        self,
        role: Role,
        *,
        broken: Sequence[str] = (),
        halt: Halt | None = None,
        port: int | None = None,
        clock_ahead_s: float = 0,
        arguments: Mapping[str, Any] | None = None,
    ) -> Order:
        return Order(
            role=role,
            log=self._folder / f"{next(self._logs):03d}-{role}.log",
            environment=self.environment(port),
            divisor=self.divisor,
            asks_faster=self.asks_faster,
            broken=tuple(broken),
            halt=halt,
            clock_ahead_s=clock_ahead_s,
            arguments=arguments or {},
        )

    @asynccontextmanager
    async def running(self, order: Order) -> AsyncIterator[Child]:
        child = await self.nursery.start(order)
        try:
            yield child
        finally:
            child.kill()
            await child.wait()

    async def ready(self, child: Child, address: str) -> None:
        async with asyncio.timeout(_READY_WITHIN_S), httpx.AsyncClient() as http:
            while True:
                assert not child.is_over, f"it ended by itself: {self.last_words()}"
                try:
                    if (await http.get(address)).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(_GLANCE_S / 2)

    @asynccontextmanager
    async def api(self, *, broken: Sequence[str] = (), port: int | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """An API process, and a client of it; without a port, on the port that the carrier calls back."""
        port = port or self.api_port
        address = f"http://127.0.0.1:{port}"
        async with self.running(self.order(Role.API, broken=broken, port=port)) as child:
            await self.ready(child, f"{address}/readyz")
            async with httpx.AsyncClient(base_url=address, timeout=30) as http:
                yield http

    @asynccontextmanager
    async def workers(
        self, size: int = 3, *, broken: Sequence[str] = (), halts: Callable[[Crew], Halt | None] = lambda _: None
    ) -> AsyncIterator[Crew]:
        def order(crew: Crew) -> Order:
            return self.order(Role.WORKER, broken=broken, halt=halts(crew))

        async with a_crew(self.nursery, size, order) as crew:
            yield crew

    async def make_ground(self, organizations: int) -> None:
        into = self._folder / "ground.json"
        arguments = {"organizations": organizations, "into": str(into)}
        child = await self.nursery.start(self.order(Role.GROUND, arguments=arguments))
        assert await child.wait() == 0, self.last_words()
        if organizations:
            made = json.loads(into.read_text())
            self.token = made["token"]
            self.grounds = [Ground(**ground) for ground in made["grounds"]]

    async def behave(self, behaviour: Behaviour) -> None:
        """Have the carrier behave so from now on."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.carrier_port}") as http:
            answer = await http.put("/sandbox/behaviour", json=behaviour.model_dump() | {"seed": self.seed})
            assert answer.is_success, answer.text

    async def call(self, http: httpx.AsyncClient, query: str, **variables: object) -> JSON:
        """Return the only payload of a mutation that must succeed."""
        body = await graphql(http, self.token, query, **variables)
        assert "errors" not in body, body
        (payload,) = body["data"].values()
        assert not payload.get("userErrors"), payload
        answered: JSON = payload
        return answered

    def new_cases(self, amount: int) -> list[JSON]:
        """Return the input of cases that are due at once."""
        return [self._new_case(f"+4477{next(self._numbers) % 10**8:08d}") for _ in range(amount)]

    def _new_case(self, number: str) -> JSON:
        return {
            "externalReference": number,
            "customer": {"externalReference": number, "name": f"Debtor {number}", "phone": number, "language": "en"},
            "amountDue": {"amount": "84.50", "currency": "EUR"},
            "dueOn": "2026-01-15",
        }

    async def open_cases(self, http: httpx.AsyncClient, ground: Ground, cases: Sequence[JSON]) -> list[Case]:
        """Open cases; from the answer on they are acknowledged, and due."""
        numbers = [case["customer"]["phone"] for case in cases]
        self.asked.update(numbers)
        given = {"organizationId": ground.organization_id, "cycleId": ground.cycle_id, "cases": cases}
        payload = await self.call(http, _OPEN, input=given)
        self.acknowledged.update(dict.fromkeys(numbers, time.time()))
        return [Case(case["id"], number, ground) for case, number in zip(payload["cases"], numbers, strict=True)]

    async def open_some(self, http: httpx.AsyncClient, load: int, *, within_s: float, batch: int = 3) -> list[Case]:
        """Open `load` cases, a few at a time and each time of a random organization, spread over `within_s`."""
        opened: list[Case] = []
        pause_s = within_s * batch / load
        while len(opened) < load:
            amount = min(self.chance.randint(1, 2 * batch - 1), load - len(opened))
            opened += await self.open_cases(http, self.chance.choice(self.grounds), self.new_cases(amount))
            await asyncio.sleep(pause_s * self.chance.uniform(0.5, 1.5))
        return opened

    async def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self.postgres.url(self._database))
        return [dict(row) for row in await self._connection.fetch(sql, *parameters)]

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    @property
    def times(self) -> SendingTimes:
        return times(self.divisor, self.asks_faster)

    async def verdict(self) -> Verdict:
        states = [(row["number"], row["state"]) for row in await self.rows(_STATES)]
        return judge(self.acknowledged, self.asked, states, self.ledger.accepted())

    async def settle(self, within_s: float) -> Verdict:
        """Wait until nothing is unresolved, at most so long; return the verdict either way."""
        deadline = time.monotonic() + within_s
        while True:
            verdict = await self.verdict()
            if not verdict.unresolved:
                return verdict
            if time.monotonic() > deadline:
                await self._show(verdict.unresolved[:5])
                return verdict
            await asyncio.sleep(_GLANCE_S)

    async def _show(self, numbers: Sequence[str]) -> None:
        """Print what is known of these, for who has to find out why."""
        for row in await self.rows(_REMINDERS, numbers):
            print(dict(row))  # noqa: T201

    def last_words(self) -> str:
        """Return the end of what the newest process said."""
        logs = sorted(self._folder.glob("*.log"))
        return logs[-1].read_text()[-2_000:] if logs else ""


_REMINDERS = """
SELECT r."to", r.status, r.status_reason, r.tries, r.fence, clock_timestamp() AS now, r.scheduled_for, r.lease_until,
       r.check_at, r.checks,
       (SELECT array_agg(a.outcome || ' ' || a.began_at ORDER BY a.id) FROM send_attempt a WHERE a.reminder_id = r.id)
         AS attempts
FROM reminder r WHERE r."to" = ANY($1)
"""

_STATES = """
SELECT customer.phone AS number,
       CASE WHEN r.status = 'UNCONFIRMED' AND c.attention_reason LIKE '%could not be found out%' THEN 'ASKED'
            ELSE coalesce(r.status, s.state) END AS state
FROM collection_case c
JOIN customer ON customer.id = c.customer_id
JOIN case_step s ON s.case_id = c.id AND s.position = 1
LEFT JOIN reminder r ON r.case_step_id = s.id
"""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the runs of a session share."""

    nursery: Nursery
    postgres: Postgres
    folder: Path
    places: "count[int]"


@asynccontextmanager
async def a_ring(
    shared: Shared,
    seed: int,
    *,
    organizations: int = 2,
    divisor: float = 20,
    asks_faster: float = 4,
    behaviour: Behaviour = USUAL,
) -> AsyncIterator[Ring]:
    """A world of its own, with a carrier that behaves as told. API and workers are started by who needs them."""
    place = next(shared.places)
    folder = shared.folder / str(place)
    folder.mkdir(parents=True)
    async with AsyncExitStack() as stack:
        valkey = stack.enter_context(a_valkey(folder))
        database = f"run_{place}"
        await shared.postgres.run(f"CREATE DATABASE {database} TEMPLATE {TEMPLATE}")
        ring = Ring(
            nursery=shared.nursery,
            postgres=shared.postgres,
            database=database,
            valkey=valkey,
            folder=folder,
            seed=seed,
            divisor=divisor,
            asks_faster=asks_faster,
        )
        stack.push_async_callback(ring.close)
        ring.network = await stack.enter_async_context(a_proxy(ring.carrier_port, seed))
        carrier = await stack.enter_async_context(ring.running(_carrier(ring, folder, behaviour)))
        await ring.ready(carrier, f"http://127.0.0.1:{ring.carrier_port}/healthz")
        await ring.make_ground(organizations)
        yield ring


def _carrier(ring: Ring, folder: Path, behaviour: Behaviour) -> Order:
    accounts = folder / "accounts.json"
    accounts.write_text(
        json.dumps({"accounts": [account.model_dump(mode="json") for account in (SANDBOX_ACCOUNT, BAD_ACCOUNT)]})
    )
    return ring.order(
        Role.CARRIER,
        arguments={
            "port": ring.carrier_port,
            "smtp_port": ring.smtp_port,
            "reports_to": f"http://127.0.0.1:{ring.api_port}/webhooks/email/bounces",
            "accounts": str(accounts),
            "ledger": str(folder / "ledger.jsonl"),
            "behaviour": behaviour.model_dump() | {"seed": ring.seed},
        },
    )


async def make_template(shared: Shared) -> None:
    """Make the database that those of the runs are copies of."""
    await shared.postgres.run(f"CREATE DATABASE {TEMPLATE}")
    folder = shared.folder / "template"
    folder.mkdir(parents=True)
    order = Order(
        role=Role.GROUND,
        log=folder / "migrate.log",
        environment={"DUNLIN_DATABASE_URL": shared.postgres.url(TEMPLATE)},
        arguments={"organizations": 0, "into": ""},
    )
    child = await shared.nursery.start(order)
    assert await child.wait() == 0, order.log.read_text()
