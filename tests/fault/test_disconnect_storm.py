"""R11: organizations disconnect and connect again and again, in the middle of sending.

From the moment at which a disconnect is reported done until somebody connects again, no text of the organization may
reach the carrier. The road to the carrier is slow here: what was on its way at the disconnect arrives long after.
"""

import asyncio
import time
from dataclasses import dataclass, field

import httpx

from dunlin.sandbox.behaviour import Behaviour
from tests.client import graphql
from tests.fault.checker import Verdict
from tests.fault.conftest import Tell
from tests.fault.control import is_caught
from tests.fault.proxy import Mode, Weather
from tests.fault.ring import Ground, Ring, Shared, a_ring
from tests.flow.walk import CONNECT, DISCONNECT, EDIT_STEP


@dataclass(frozen=True, slots=True)
class Load:
    organizations: int
    rounds: int
    cases: int  # per round and organization
    at_once: int  # organizations


QUICK = Load(organizations=6, rounds=2, cases=4, at_once=6)
FULL = Load(organizations=50, rounds=20, cases=2, at_once=5)

CARRIER = Behaviour(sent_delay_s=0.05, delivered_delay_s=0.1)
FAR_AWAY = Weather({Mode.LATENCY: 1}, latency_s=0.12, only=(b"POST", b"/Messages"))
_TEXT = "Dear {{ customer.name }}, {{ amount }} is due."


@dataclass
class Silence:
    """From `reported` until `ended`, none of these numbers may be texted."""

    numbers: set[str]
    reported: float
    ended: float


@dataclass
class Storm:
    ring: Ring
    http: httpx.AsyncClient
    took_s: list[float] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)

    async def blow(self, load: Load) -> None:
        places = asyncio.Semaphore(load.at_once)

        async def whirl(ground: Ground) -> None:
            async with places:
                numbers: set[str] = set()
                for _ in range(load.rounds):
                    await self._turn(ground, load.cases, numbers)

        await asyncio.gather(*(whirl(ground) for ground in self.ring.grounds))

    async def _turn(self, ground: Ground, cases: int, numbers: set[str]) -> None:
        """Open cases, disconnect while they are on their way, stay silent for a while, and connect again."""
        opened = await self.ring.open_cases(self.http, ground, self.ring.new_cases(cases))
        numbers.update(case.number for case in opened)
        await asyncio.sleep(max(self.ring.chance.uniform(-0.15, 0.45), 0))
        began = time.time()
        await self.ring.call(self.http, DISCONNECT, id=ground.organization_id)
        silence = Silence(set(numbers), time.time(), 0)
        self.took_s.append(silence.reported - began)
        await asyncio.sleep(self.ring.chance.uniform(0.1, 0.3))
        silence.ended = time.time()
        self.silences.append(silence)
        await self._connect(ground)
        await self.ring.call(self.http, EDIT_STEP, id=ground.step_id, text=_TEXT)

    async def _connect(self, ground: Ground) -> None:
        """Connect, again where the carrier did not answer in the little time that it has here."""
        for _ in range(5):
            body = await graphql(self.http, self.ring.token, CONNECT, id=ground.organization_id)
            if not (errors := body["data"]["connectIntegration"]["userErrors"]):
                return
            assert [error["code"] for error in errors] == ["CARRIER_UNAVAILABLE"]

    def broken_silences(self) -> list[str]:
        """Return the numbers that were texted while nothing may go out."""
        accepted = self.ring.ledger.accepted()
        return [
            one.number
            for silence in self.silences
            for one in accepted
            if one.number in silence.numbers and silence.reported < one.at < silence.ended
        ]


async def run(ring: Ring, load: Load, *broken: str) -> tuple[Storm, Verdict]:
    """Storm until texts were sent and others canceled, which a busy machine may be too slow for the first time."""
    await ring.network.set_weather(FAR_AWAY)
    async with ring.api(broken=broken) as http, ring.workers(2):
        storm = Storm(ring, http)
        for _ in range(5):
            await storm.blow(load)
            verdict = await ring.settle(15)
            if 0 < verdict.accepted < len(ring.acknowledged):
                break
        return storm, verdict


async def test_nothing_goes_out_between_a_reported_disconnect_and_the_next_connect(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    load = FULL if is_full else QUICK
    async with a_ring(shared, seed, behaviour=CARRIER, organizations=load.organizations) as ring:
        storm, verdict = await run(ring, load)

    tell("R11", f"{load.organizations} organizations x {load.rounds} disconnects", ring, verdict)
    verdict.assert_all_is_well()
    assert storm.broken_silences() == []
    assert 0 < verdict.accepted < len(ring.acknowledged), "some were to be sent, and some to be canceled"
    longest_s = (ring.times.start_window + ring.times.answer).total_seconds() + 1
    assert sorted(storm.took_s)[int(len(storm.took_s) * 0.99)] <= longest_s


async def test_the_gate_of_disconnects_catches_a_report_that_does_not_wait_for_what_is_under_way(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async def shows(ring: Ring) -> bool:
        storm, verdict = await run(ring, QUICK, "report-at-once")
        tell("R11-", "the same, and a disconnect is reported at once", ring, verdict)
        return bool(storm.broken_silences())

    assert await is_caught(shared, seed, shows, behaviour=CARRIER, organizations=QUICK.organizations)
