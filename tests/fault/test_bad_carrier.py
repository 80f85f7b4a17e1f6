"""R5: a carrier, and a road to it, that are bad in every way at once; and one account that is bad beside good ones."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

import pytest

from dunlin.sandbox.behaviour import Behaviour
from tests.fault.checker import Verdict
from tests.fault.conftest import Tell
from tests.fault.control import is_caught
from tests.fault.proxy import FAIR, Mode, Weather
from tests.fault.ring import BAD_ACCOUNT, Case, Ring, Shared, a_ring
from tests.flow.walk import DISCONNECT, EDIT_STEP


@dataclass(frozen=True, slots=True)
class Load:
    """`reminders` per kind of badness."""

    reminders: int
    within_s: float
    organizations: int


QUICK = Load(reminders=15, within_s=0.7, organizations=5)
FULL = Load(reminders=500, within_s=20, organizations=20)

_WELL = Behaviour(sent_delay_s=0.3, delivered_delay_s=0.2)
_BEHAVIOURS = (
    _WELL.model_copy(update={"html_502_rate": 0.15, "error_500_after_accepting_rate": 0.15}),
    _WELL.model_copy(update={"throttle_rate": 0.3, "retry_after_s": 1}),
    _WELL.model_copy(update={"hang_rate": 0.1, "html_201_after_accepting_rate": 0.2}),
)
_WEATHERS = (
    Weather({Mode.SLOW: 0.3}),
    Weather({Mode.RESET: 0.3}),
    Weather({Mode.CUT: 0.3}),
    Weather({Mode.BLACKHOLE: 0.15}),
)


async def run(ring: Ring, load: Load, *broken: str) -> Verdict:
    async with ring.api() as http, ring.workers(2, broken=broken):
        for behaviour in _BEHAVIOURS:
            await ring.behave(behaviour)
            await ring.open_some(http, load.reminders, within_s=load.within_s)
        await ring.behave(_WELL)
        for weather in _WEATHERS:
            await ring.network.set_weather(weather)
            await ring.open_some(http, load.reminders, within_s=load.within_s)
        await ring.network.set_weather(Weather({Mode.REFUSE: 1}))
        await ring.open_some(http, load.reminders, within_s=load.within_s)
        await ring.network.set_weather(FAIR)
        return await ring.settle(120)


async def burned_too_many(ring: Ring) -> list[int]:
    """Return the reminders that count more failed tries than they had: who asks to wait has not failed."""
    found = await ring.rows(
        "SELECT r.id FROM reminder r WHERE r.tries > (SELECT count(*) FROM send_attempt a"
        " WHERE a.reminder_id = r.id AND a.outcome NOT IN ('Throttled', 'Accepted'))"
    )
    return [row["id"] for row in found]


async def test_whatever_a_carrier_answers_each_text_goes_once(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    load = FULL if is_full else QUICK
    asks_faster = 1 if is_full else 4  # what is bad for long must not be bad for as long as it is asked about
    async with a_ring(shared, seed, behaviour=_WELL, organizations=load.organizations, asks_faster=asks_faster) as ring:
        verdict = await run(ring, load)
        burned = await burned_too_many(ring)

    tell("R5", "500, 502, 429, bad 201, hangs, slow, reset, cut, blackhole, refused", ring, verdict)
    verdict.assert_all_is_well()
    assert burned == []


async def test_the_gate_of_bad_carriers_catches_going_again_after_no_clear_answer(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async def shows(ring: Ring) -> bool:
        verdict = await run(ring, QUICK, "unknown-goes-again")
        tell("R5-", "the same, and no clear answer goes again", ring, verdict)
        return bool(verdict.twice)

    assert await is_caught(shared, seed, shows, behaviour=_WELL, organizations=QUICK.organizations)


async def test_the_gate_of_bad_carriers_catches_throttling_that_counts_as_failure(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async with (
        a_ring(shared, seed, behaviour=_WELL.model_copy(update={"throttle_rate": 1})) as ring,
        ring.api() as http,
        ring.workers(1, broken=["throttling-burns-a-try"]),
    ):
        await ring.open_some(http, 3, within_s=0.2)
        async with asyncio.timeout(15):
            while not (burned := await burned_too_many(ring)):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await ring.behave(_WELL)
        verdict = await ring.settle(15)

    tell("R5-", "429, and it burns a try", ring, verdict)
    assert burned


_NEIGHBOURS = 4
_CONNECT_OWN = """
mutation ($id: ID!, $account: TwilioInput!) {
  connectIntegration(input: { organizationId: $id, kind: SMS, twilio: $account }) { userErrors { code message } }
}
"""


@dataclass(frozen=True, slots=True)
class Delays:
    """The 95th percentile of the time from opening to accepting, of the neighbours of a bad account."""

    before_s: float
    beside_s: float


async def beside_a_bad_account(ring: Ring, *, bad: int, good: int) -> tuple[Verdict, Delays]:
    """Let the account of one organization answer nothing, with `bad` texts due, while the others go on."""
    async with ring.api() as http, ring.workers(2):
        own, *ring.grounds = ring.grounds
        await ring.call(http, DISCONNECT, id=own.organization_id)
        account = {
            "accountSid": BAD_ACCOUNT.sid,
            "authToken": BAD_ACCOUNT.auth_token,
            "sender": {"phoneNumber": BAD_ACCOUNT.phone_numbers[0]},
        }
        await ring.call(http, _CONNECT_OWN, id=own.organization_id, account=account)
        await ring.call(http, EDIT_STEP, id=own.step_id, text="Dear {{ customer.name }}, {{ amount }} is due.")
        before = await ring.open_some(http, good, within_s=good / 30)
        await ring.settle(10)
        weather = Weather({Mode.BLACKHOLE: 1}, only=(b"POST", BAD_ACCOUNT.sid.encode()))
        await ring.network.set_weather(weather)
        for _ in range(bad // 100):
            await ring.open_cases(http, own, ring.new_cases(100))
        beside = await ring.open_some(http, good, within_s=good / 30)
        await ring.settle(3)
        delays = Delays(_delay_s(ring, before), _delay_s(ring, beside))
        await ring.network.set_weather(FAIR)
        return await ring.settle(120), delays  # at the rate of one sender: 8 a second


def _delay_s(ring: Ring, cases: Sequence[Case]) -> float:
    """Return the 95th percentile; who has no text yet has waited until now."""
    accepted = {one.number: one.at for one in ring.ledger.accepted()}
    waits = [accepted.get(case.number, time.time()) - ring.acknowledged[case.number] for case in cases]
    return quantiles(waits, n=20)[-1]


_A_MOMENT_S = 0.3  # two cores serve everything here, the carrier and its network too


async def test_an_account_that_does_not_answer_holds_up_nobody_else(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    if not is_full:
        pytest.skip("a crowd is what may be in the way: at full load only")
    async with a_ring(shared, seed, behaviour=_WELL, organizations=1 + _NEIGHBOURS) as ring:
        verdict, delays = await beside_a_bad_account(ring, bad=500, good=300)

    tell("R5", f"one of {1 + _NEIGHBOURS} accounts answers nothing, 500 due", ring, verdict)
    verdict.assert_all_is_well()
    assert delays.beside_s <= 2 * delays.before_s + _A_MOMENT_S
