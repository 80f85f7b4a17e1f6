"""R5: a carrier, and a road to it, that are bad in every way at once; and one account that is bad beside good ones."""

from dataclasses import dataclass

from dunlin.sandbox.behaviour import Behaviour
from tests.fault.checker import Verdict
from tests.fault.conftest import Tell
from tests.fault.proxy import FAIR, Mode, Weather
from tests.fault.ring import Ring, Shared, a_ring


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
        return await ring.settle(60)


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
    async with a_ring(shared, seed, behaviour=_WELL, organizations=load.organizations) as ring:
        verdict = await run(ring, load)
        burned = await burned_too_many(ring)

    tell("R5", "500, 502, 429, bad 201, hangs, slow, reset, cut, blackhole, refused", ring, verdict)
    verdict.assert_all_is_well()
    assert burned == []


async def test_the_gate_of_bad_carriers_catches_going_again_after_no_clear_answer(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async with a_ring(shared, seed, behaviour=_WELL, organizations=QUICK.organizations) as ring:
        verdict = await run(ring, QUICK, "unknown-goes-again")

    tell("R5-", "the same, and no clear answer goes again", ring, verdict)
    assert verdict.twice
