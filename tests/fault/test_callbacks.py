"""R8 and R9: callbacks come repeatedly, in any order, before the answer and not at all; and from forgers."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import httpx
from twilio.request_validator import RequestValidator

from dunlin.sandbox.behaviour import Behaviour
from tests.conftest import SANDBOX_ACCOUNT
from tests.fault.checker import Verdict
from tests.fault.conftest import Tell
from tests.fault.control import is_caught
from tests.fault.ring import Ring, Shared, a_ring
from tests.fault.watcher import watching

QUICK = 40
FULL = 300
QUICK_FORGERIES = 100
FULL_FORGERIES = 1_000

BAD_CALLBACKS = Behaviour(
    sent_delay_s=0.1,
    delivered_delay_s=0.1,
    repeat_callbacks=10,
    shuffle_callbacks=True,
    lose_callbacks_rate=0.2,
)
NO_CALLBACKS = Behaviour(sent_delay_s=0.05, delivered_delay_s=0.05, lose_callbacks_rate=1)

# The statuses of a way, and where each one stands on it.
_RANKS = {"SCHEDULED": 0, "SENDING": 1, "UNCONFIRMED": 2, "SENT": 3, "DELIVERED": 6}
_ASKS_FASTER = 15  # silent texts are asked about after 3 s


async def all_delivered(ring: Ring, within_s: float) -> bool:
    for _ in range(int(within_s * 10)):
        if not await ring.rows("SELECT 1 FROM reminder WHERE status <> 'DELIVERED' LIMIT 1"):
            return True
        await asyncio.sleep(0.1)
    return False


def falling(seen: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return the numbers whose statuses did not strictly rise once the carrier was known to have the text."""
    ways: defaultdict[str, list[int]] = defaultdict(list)
    for _, number, status in seen:
        ways[number].append(_RANKS[status])
    return [
        number
        for number, way in ways.items()
        if any(later <= earlier for earlier, later in pairwise(way) if earlier >= _RANKS["SENT"])
    ]


async def run(ring: Ring, load: int, *broken: str) -> tuple[Verdict, bool, list[str]]:
    """Return the verdict, whether all are known to be delivered, and whose statuses went back."""
    async with (
        ring.api(broken=broken) as http,
        ring.workers(2, broken=broken),
        watching(ring, ring.grounds[0]) as watcher,
    ):
        await ring.open_some(http, load // 2, within_s=load / 30)
        await ring.behave(BAD_CALLBACKS.model_copy(update={"callback_before_answer": True, "shuffle_callbacks": False}))
        await ring.open_some(http, load - load // 2, within_s=load / 30)
        verdict = await ring.settle(15)
        is_delivered = await all_delivered(ring, 1 if broken else 15)
        return verdict, is_delivered, falling(watcher.seen)


async def test_callbacks_in_any_order_and_number_end_the_same_and_missing_ones_are_asked_for(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    async with a_ring(shared, seed, behaviour=BAD_CALLBACKS, organizations=1, asks_faster=_ASKS_FASTER) as ring:
        verdict, is_delivered, went_back = await run(ring, FULL if is_full else QUICK)

    tell("R8", "callbacks x 10, shuffled, before the answer, 20% lost", ring, verdict)
    verdict.assert_all_is_well()
    assert is_delivered
    assert went_back == []


async def test_the_gate_of_callbacks_catches_a_last_report_that_wins(shared: Shared, seed: int, tell: Tell) -> None:
    async def shows(ring: Ring) -> bool:
        verdict, _, went_back = await run(ring, QUICK, "last-report-wins")
        tell("R8-", "the same, and the last report wins", ring, verdict)
        return bool(went_back)

    assert await is_caught(shared, seed, shows, behaviour=BAD_CALLBACKS, organizations=1, asks_faster=_ASKS_FASTER)


@dataclass(frozen=True, slots=True)
class Letter:
    """A callback as somebody sends it."""

    path: str
    fields: Mapping[str, str]
    signature: str


@dataclass(frozen=True, slots=True)
class Forger:
    """Has overheard a genuine callback of one text, and the address of another's."""

    base: str
    path: str
    other_path: str
    sid: str
    chance: Random

    def letter(self) -> Letter:
        fields = {"AccountSid": SANDBOX_ACCOUNT.sid, "MessageSid": self.sid, "MessageStatus": "delivered"}
        genuine = _signed(self.base + self.path, fields, SANDBOX_ACCOUNT.auth_token)
        letters = (
            Letter(self.path, fields, _signed(self.base + self.path, fields, "00" * 16)),
            Letter(self.path, fields, _signed(self.base + self.path, fields, "")),
            Letter(self.path, {**fields, "MessageStatus": "failed"}, genuine),
            Letter(self.path, {**fields, "ErrorCode": "30003"}, genuine),
            Letter(self.path, {name: fields[name] for name in ("AccountSid", "MessageStatus")}, genuine),
            Letter(self.other_path, fields, genuine),
            Letter(self.path + "?a=1", fields, genuine),
            Letter(self.path, fields, _signed(f"https{self.base[4:]}{self.path}", fields, SANDBOX_ACCOUNT.auth_token)),
            Letter(self.path, fields, ""),
            Letter(self.path, fields, genuine.swapcase()),
            Letter("/webhooks/twilio/" + "A" * 43, fields, genuine),
            Letter("/webhooks/twilio/short", fields, genuine),
        )
        return self.chance.choice(letters)


def _signed(url: str, fields: Mapping[str, str], token: str) -> str:
    signature: str = RequestValidator(token).compute_signature(url, dict(fields))
    return signature


async def forge(ring: Ring, http: httpx.AsyncClient, load: int) -> tuple[list[int], list[float]]:
    """Send forged callbacks; return the statuses of the answers, and how long each took."""
    first, second = await ring.rows("SELECT correlation, provider_message_id FROM send_attempt ORDER BY id LIMIT 2")
    forger = Forger(
        base=str(http.base_url).rstrip("/"),
        path=f"/webhooks/twilio/{first['correlation']}",
        other_path=f"/webhooks/twilio/{second['correlation']}",
        sid=first["provider_message_id"],
        chance=ring.chance,
    )
    statuses, took_s = [], []
    for _ in range(load):
        letter = forger.letter()
        began = time.monotonic()
        answer = await http.post(
            letter.path, data=dict(letter.fields), headers={"X-Twilio-Signature": letter.signature}
        )
        took_s.append(time.monotonic() - began)
        statuses.append(answer.status_code)
    return statuses, took_s


_RECORD = (
    "SELECT to_jsonb(r)::text AS reminder, to_jsonb(a)::text AS attempt FROM reminder r, send_attempt a ORDER BY 1, 2"
)


async def run_forgers(ring: Ring, load: int, *broken: str) -> tuple[Verdict, set[int], list[float], bool]:
    """Return the verdict, the answers' statuses, how long they took, and whether anything has changed."""
    async with ring.api(broken=broken) as http:
        async with ring.workers(1):
            await ring.open_some(http, 6, within_s=0.2)
            verdict = await ring.settle(10)
        before = await ring.rows(_RECORD)
        statuses, took_s = await forge(ring, http, load)
        return verdict, set(statuses), took_s, await ring.rows(_RECORD) != before


async def test_forged_callbacks_are_refused_and_change_nothing(
    shared: Shared, seed: int, tell: Tell, *, is_full: bool
) -> None:
    load = FULL_FORGERIES if is_full else QUICK_FORGERIES
    async with a_ring(shared, seed, behaviour=NO_CALLBACKS) as ring:
        verdict, statuses, took_s, has_changed = await run_forgers(ring, load)

    tell("R9", f"forged callbacks x {load}", ring, verdict)
    verdict.assert_all_is_well()
    assert statuses == {403}
    assert not has_changed
    if is_full:
        assert sorted(took_s)[int(len(took_s) * 0.99)] < 0.05


async def test_the_gate_of_forgers_catches_signatures_that_are_not_checked(
    shared: Shared, seed: int, tell: Tell
) -> None:
    async with a_ring(shared, seed, behaviour=NO_CALLBACKS) as ring:
        verdict, statuses, _, has_changed = await run_forgers(ring, QUICK_FORGERIES, "signatures-unchecked")

    tell("R9-", "the same, and signatures are not checked", ring, verdict)
    assert statuses != {403}
    assert has_changed
