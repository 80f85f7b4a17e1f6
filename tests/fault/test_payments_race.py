"""R12: a case is paid while its reminder is on its way.

Once the payment is answered, no text for the case may reach the carrier, and what the answer says of the reminder must
be what the carrier knows. The road to the carrier is slow here, so that many are in the middle of it.
"""

import asyncio
import time
from dataclasses import dataclass, field

import httpx

from dunlin.sandbox.behaviour import Behaviour
from tests.fault.checker import Verdict
from tests.fault.conftest import Tell
from tests.fault.control import is_caught
from tests.fault.proxy import Mode, Weather
from tests.fault.ring import Case, Ring, Shared, a_ring

QUICK = 50
FULL = 500

CARRIER = Behaviour(sent_delay_s=0.05, delivered_delay_s=0.1)
FAR_AWAY = Weather({Mode.LATENCY: 1}, latency_s=0.12, only=(b"POST", b"/Messages"))
_AT_ONCE = 10
_ALREADY_SENT = {"SENT", "DELIVERED", "UNDELIVERED", "UNCONFIRMED"}

_PAY = """
mutation ($input: RecordPaymentInput!) { recordPayment(input: $input) {
  case { state reminders(first: 2) { nodes { status } } } userErrors { code message }
} }
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client was told, and when. `said_sent`: that a text has gone out, or may have."""

    number: str
    at: float
    said_sent: bool


@dataclass
class Race:
    ring: Ring
    http: httpx.AsyncClient
    answers: list[Answer] = field(default_factory=list)

    async def run(self, load: int) -> None:
        places = asyncio.Semaphore(_AT_ONCE)

        async def one() -> None:
            async with places:
                ground = self.ring.chance.choice(self.ring.grounds)
                (case,) = await self.ring.open_cases(self.http, ground, self.ring.new_cases(1))
                await asyncio.sleep(self.ring.chance.uniform(0, 0.2))
                await self._pay(case)

        await asyncio.gather(*(one() for _ in range(load)))

    async def _pay(self, case: Case) -> None:
        given = {"caseId": case.id, "amount": {"amount": "84.50", "currency": "EUR"}}
        payload = await self.ring.call(self.http, _PAY, input=given)
        assert payload["case"]["state"] == "CLOSED"
        statuses = {node["status"] for node in payload["case"]["reminders"]["nodes"]}
        self.answers.append(Answer(case.number, time.time(), bool(statuses & _ALREADY_SENT)))

    def sent_after_all(self) -> list[str]:
        """Return the numbers that were texted after the answer."""
        accepted = {one.number: one.at for one in self.ring.ledger.accepted()}
        return [one.number for one in self.answers if accepted.get(one.number, 0) > one.at]

    def told_wrongly(self) -> list[str]:
        """Return the numbers of which the answer said something else than the carrier."""
        accepted = self.ring.ledger.counts()
        return [one.number for one in self.answers if one.said_sent != bool(accepted[one.number])]


async def run(ring: Ring, load: int, *broken: str) -> tuple[Race, Verdict]:
    """Race until texts were sent and others canceled, which a busy machine may be too slow for the first time."""
    await ring.network.set_weather(FAR_AWAY)
    async with ring.api(broken=broken) as http, ring.workers(2):
        race = Race(ring, http)
        for _ in range(5):
            await race.run(load)
            verdict = await ring.settle(15)
            if 0 < verdict.accepted < len(ring.acknowledged):
                break
        return race, verdict


async def test_nothing_goes_out_after_a_reported_payment_and_its_answer_is_true(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    load = FULL if is_full else QUICK
    async with a_ring(shared, seed, behaviour=CARRIER) as ring:
        race, verdict = await run(ring, load)

    tell("R12", "paid in the middle of sending", ring, verdict)
    verdict.assert_all_is_well()
    assert race.sent_after_all() == []
    assert race.told_wrongly() == []
    assert 0 < verdict.accepted < len(ring.acknowledged), "some were to be sent, and some to be canceled"


async def test_the_gate_of_payments_catches_an_answer_that_does_not_wait_for_what_is_under_way(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async def shows(ring: Ring) -> bool:
        race, verdict = await run(ring, QUICK, "report-at-once")
        tell("R12-", "the same, and a payment is answered at once", ring, verdict)
        return bool(race.sent_after_all())

    assert await is_caught(shared, seed, shows, behaviour=CARRIER)
