"""R3 and R4: answers of the carrier are lost, and requests are lost before the carrier has them.

From here both look the same. The first must not go again, the second must, once it is proven that the carrier never had
it.
"""

from dataclasses import dataclass

from dunlin.sandbox.behaviour import Behaviour
from tests.fault.checker import Verdict
from tests.fault.conftest import Tell
from tests.fault.control import is_caught
from tests.fault.proxy import FAIR, Mode, Weather
from tests.fault.ring import Ring, Shared, a_ring

# The list holds a text only some time after it was taken, but sooner than a text that it lacks counts as absent.
CARRIER = Behaviour(sent_delay_s=0.3, delivered_delay_s=0.2, list_lag_s=1.5)
SLOW_CALLBACKS = CARRIER.model_copy(update={"sent_delay_s": 3.0, "list_lag_s": 2.5})
_A_POST = (b"POST", b"/Messages")


@dataclass(frozen=True, slots=True)
class Load:
    reminders: int
    share: float
    within_s: float
    all_lost_s: float  # how long every answer is lost


QUICK = Load(reminders=40, share=0.2, within_s=3, all_lost_s=1)
FULL = Load(reminders=1_000, share=0.1, within_s=60, all_lost_s=20)
QUICK_TIMEOUTS = Load(reminders=40, share=0.1, within_s=2, all_lost_s=0)
MANY_TIMEOUTS = Load(reminders=20, share=0.4, within_s=1, all_lost_s=0)
FULL_TIMEOUTS = Load(reminders=500, share=0.1, within_s=40, all_lost_s=0)


async def lose_answers(ring: Ring, load: Load, *broken: str) -> Verdict:
    """Lose a share of the answers over most of the load, and all of them over the end of it."""
    async with ring.api() as http, ring.workers(2, broken=broken):
        await ring.network.set_weather(Weather({Mode.LOST: load.share}))
        at_the_end = load.reminders // 10
        await ring.open_some(http, load.reminders - at_the_end, within_s=load.within_s)
        await ring.network.set_weather(Weather({Mode.LOST: 1}))
        await ring.open_some(http, at_the_end, within_s=load.all_lost_s)
        await ring.network.set_weather(FAIR)
        return await ring.settle(40)


async def resolved_within(ring: Ring, seconds: float) -> float:
    """Return the share of those that were UNCONFIRMED whose fate was known so soon."""
    waits = await ring.rows(
        "SELECT extract(epoch FROM min(later.occurred_at) - e.occurred_at)::float8 AS wait FROM delivery_event e"
        " LEFT JOIN delivery_event later ON later.reminder_id = e.reminder_id AND later.sequence > e.sequence"
        " WHERE e.status = 'UNCONFIRMED' GROUP BY e.id, e.occurred_at"
    )
    assert waits, "some were to be UNCONFIRMED"
    soon = [row for row in waits if row["wait"] is not None and row["wait"] <= seconds]
    return len(soon) / len(waits)


async def test_what_the_carrier_took_without_our_hearing_of_it_is_found_out_and_not_sent_again(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    load = FULL if is_full else QUICK
    async with a_ring(shared, seed, behaviour=CARRIER) as ring:
        verdict = await lose_answers(ring, load)
        share = await resolved_within(ring, 10)

    tell("R3", f"answers lost {load.share:.0%}, then all for {load.all_lost_s:.0f} s", ring, verdict)
    verdict.assert_all_is_well()
    assert verdict.accepted == load.reminders
    assert share >= 0.99


async def test_the_gate_of_lost_answers_catches_sending_again_what_gave_no_clear_answer(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async def shows(ring: Ring) -> bool:
        verdict = await lose_answers(ring, QUICK, "unknown-goes-again")
        tell("R3-", "the same, and no clear answer goes again", ring, verdict)
        return bool(verdict.twice)

    assert await is_caught(shared, seed, shows, behaviour=CARRIER)


async def lose_requests(ring: Ring, load: Load, *broken: str) -> Verdict:
    """Let some requests vanish, and lose the answers to some others; both end by time-out or reset."""
    async with ring.api() as http, ring.workers(2, broken=broken):
        shares = {Mode.BLACKHOLE: load.share, Mode.LOST: load.share}
        await ring.network.set_weather(Weather(shares, only=_A_POST))
        await ring.open_some(http, load.reminders, within_s=load.within_s)
        return await ring.settle(60)


async def test_what_the_carrier_never_had_is_sent_once_it_is_proven(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    load = FULL_TIMEOUTS if is_full else QUICK_TIMEOUTS
    async with a_ring(shared, seed, behaviour=SLOW_CALLBACKS) as ring:
        verdict = await lose_requests(ring, load)

    tell("R4", f"time-outs {load.share:.0%}, answers lost {load.share:.0%}", ring, verdict)
    verdict.assert_all_is_well()
    assert verdict.accepted == load.reminders
    assert not verdict.asked, "no person is needed"


async def test_the_gate_of_lost_requests_catches_taking_a_first_absence_for_a_proof(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async def shows(ring: Ring) -> bool:
        verdict = await lose_requests(ring, MANY_TIMEOUTS, "proof-at-once")
        tell("R4-", "more of both, and a first absence counts as proof", ring, verdict)
        return bool(verdict.twice)

    assert await is_caught(shared, seed, shows, behaviour=SLOW_CALLBACKS)
