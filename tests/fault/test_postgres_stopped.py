"""R7: PostgreSQL is stopped hard, as by a crash, again and again. Clients ask again what was not answered."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from dunlin.sandbox.behaviour import Behaviour
from tests.client import JSON, graphql
from tests.fault.conftest import Tell
from tests.fault.ring import Case, Ring, Shared, a_ring
from tests.fault.servers import hard_stop


@dataclass(frozen=True, slots=True)
class Load:
    reminders: int
    stops: int
    within_s: float
    away_s: float


QUICK = Load(reminders=30, stops=2, within_s=4, away_s=0.5)
FULL = Load(reminders=500, stops=3, within_s=60, away_s=10)

CARRIER = Behaviour(answer_delay_s=0.05, sent_delay_s=0.1, delivered_delay_s=0.1)

_PAY = """
mutation ($input: RecordPaymentInput!) { recordPayment(input: $input) {
  case { id amountDue { amount } } userErrors { code message }
} }
"""
_AGAIN_AFTER_S = 0.2


@dataclass
class Client:
    """Asks again until it is answered, as integrators are told to: with the same reference, under the same key."""

    ring: Ring
    http: httpx.AsyncClient
    codes: Counter[str] = field(default_factory=Counter)

    async def open_cases(self, cases: Sequence[JSON]) -> list[Case]:
        ground = self.ring.chance.choice(self.ring.grounds)
        while True:
            try:
                return await self.ring.open_cases(self.http, ground, cases)
            except (httpx.HTTPError, AssertionError):
                await asyncio.sleep(_AGAIN_AFTER_S)

    async def pay_one_euro(self, case: Case) -> None:
        """Pay under a key of the case's own; ask once more after the answer, as if it had been lost."""
        given = {
            "caseId": case.id,
            "amount": {"amount": "1.00", "currency": "EUR"},
            "idempotencyKey": f"payment of {case.number}",
        }
        for _ in range(2):
            await self._ask(_PAY, given)

    async def _ask(self, query: str, given: JSON) -> JSON:
        while True:
            try:
                body = await graphql(self.http, self.ring.token, query, input=given)
            except httpx.HTTPError:
                body = {"errors": []}
            if "errors" not in body:
                (payload,) = body["data"].values()
                assert not payload["userErrors"], payload
                return dict(payload)
            self.codes.update(error["extensions"]["code"] for error in body["errors"])
            await asyncio.sleep(_AGAIN_AFTER_S)


async def collect(ring: Ring, client: Client, load: Load) -> None:
    """Open cases and let part of each be paid, over the time of the load."""
    left = load.reminders
    while left:
        cases = await client.open_cases(ring.new_cases(min(left, 3)))
        left -= len(cases)
        await client.pay_one_euro(cases[0])
        await asyncio.sleep(load.within_s * 3 / load.reminders * ring.chance.uniform(0.5, 1))


async def stop_now_and_then(ring: Ring, load: Load) -> None:
    for _ in range(load.stops):
        await asyncio.sleep(load.within_s / load.stops * ring.chance.uniform(0.5, 0.9))
        await hard_stop(ring.postgres, load.away_s)


async def payments_of(ring: Ring) -> Counter[int]:
    """Return how often each case has been paid for."""
    return Counter({row["case_id"]: row["n"] for row in await ring.rows(_PAYMENTS)})


_PAYMENTS = "SELECT case_id, count(*) AS n FROM payment GROUP BY case_id"


async def test_a_postgresql_that_crashes_loses_and_doubles_neither_reminders_nor_payments(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    load = FULL if is_full else QUICK
    async with (
        a_ring(shared, seed, behaviour=CARRIER) as ring,
        ring.api() as http,
        ring.workers(2),
    ):
        client = Client(ring, http)
        async with asyncio.TaskGroup() as group:
            group.create_task(collect(ring, client, load))
            group.create_task(stop_now_and_then(ring, load))
        verdict = await ring.settle(40)
        payments = await payments_of(ring)

    tell("R7", f"PostgreSQL stopped hard x {load.stops}, away {load.away_s:g} s", ring, verdict)
    verdict.assert_all_is_well()
    assert set(payments.values()) == {1}
    assert set(client.codes) <= {"UNAVAILABLE"}, "a client must be told that it may ask again"


async def test_the_gate_of_a_crashing_postgresql_catches_keys_that_are_forgotten(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async with (
        a_ring(shared, seed, behaviour=CARRIER) as ring,
        ring.api(broken=["keys-forgotten"]) as http,
        ring.workers(1),
    ):
        client = Client(ring, http)
        (case,) = await client.open_cases(ring.new_cases(1))
        await client.pay_one_euro(case)
        verdict = await ring.settle(5)
        payments = await payments_of(ring)

    tell("R7-", "keys are forgotten, each asks twice", ring, verdict)
    assert set(payments.values()) == {2}
