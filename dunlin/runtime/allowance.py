"""How much each caller may ask for in a minute, over all processes together: a leaking bucket per caller in Redis."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from dunlin.runtime.gathered import Gathered

_WINDOW_MS = 60_000
_SLICE_S = 0.02
_SLICES = 10  # a request waits no longer for Redis
_MOST_SILENCES = 3  # in a row, or a connection that fails:
_ALONE_S = 5.0  # then it is not asked for so long
_OVERDRAWN_MS = 1.75 * _WINDOW_MS  # of the debt of one window that there can be at most
_AHEAD_MS = _WINDOW_MS / 20  # what a process counts of a caller at most before it tells Redis
_FRESH_S = 0.5  # and only where Redis told of the caller so lately
_TELL_S = 0.1
_MOST_CALLERS = 10_000
_FORGET_MS = 1_000

# A bucket is the moment at which it is empty again; what is asked moves it on. Who has an empty one may ask for
# anything, so that nothing is too dear for ever. What a process has counted alone comes first: it was spent already.
# Returned, for each in turn: how long to wait (0: it is taken), and how full the bucket is then.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local window, forget = tonumber(ARGV[1]), tonumber(ARGV[2])
local answers = {}
for place, key in ipairs(KEYS) do
  local cost, untold = tonumber(ARGV[3 * place]), tonumber(ARGV[3 * place + 2])
  local level = math.max(tonumber(redis.call('GET', key) or '0') - now, 0)
  if untold > 0 then
    level = math.min(level + untold, math.max(2 * window, level, untold))
    redis.call('SET', key, now + level, 'PX', math.ceil(level) + forget)
  end
  local wait = level + cost - window
  if wait <= 0 or level == 0 or cost == 0 or ARGV[3 * place + 1] == '1' then
    if cost > 0 then
      level = math.min(level + cost, math.max(2 * window, cost))
      redis.call('SET', key, now + level, 'PX', math.ceil(level) + forget)
    end
    wait = 0
  end
  answers[2 * place - 1], answers[2 * place] = math.ceil(wait), math.ceil(level)
end
return answers
"""

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a request for points. It has to `wait`, or they are taken; `full_again_at` nobody asking."""

    cost: int
    limit: int
    remaining: int
    wait: timedelta
    full_again_at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class _Ask:
    """What is asked of Redis for one request, in milliseconds."""

    caller: str
    cost: float
    in_any_case: bool
    untold: float


class Allowance:
    """One per process; `limit` is in points a minute, 0 for none. While Redis is away each process counts alone.

    Of a caller who has more than half of them left it counts some ahead, and tells Redis a moment later.
    """

    def __init__(self, redis: Redis, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._take = redis.register_script(_TAKE)
        self._asked = Gathered(self._take_all)  # a call costs as much as the rest of a small request
        self.limit = limit
        self._clock = clock
        # When each bucket is empty, by this process' clock: as it was last seen in Redis, or as it is alone.
        self._empty_at: dict[str, float] = {}
        # Of that, milliseconds that were counted alone and Redis does not know yet.
        self._untold: dict[str, float] = {}
        self._heard_at: dict[str, float] = {}  # when Redis last told of a caller
        self._telling: asyncio.Task[None] | None = None
        self._silences = 0
        self._alone_until = -math.inf

    def is_used_up(self, caller: str) -> timedelta | None:
        """Return how long it takes until the caller has a point again, as far as this process knows; None: one is left.

        Asked before a request is looked at: nobody is given less by it, for others can only have taken more.
        """
        if not self.limit:
            return None
        wait = self._level(caller) + self._milliseconds(1) - _WINDOW_MS
        return timedelta(milliseconds=wait) if wait > 0 else None

    def is_overdrawn(self, caller: str) -> timedelta | None:
        """Return as `is_used_up`, but only for who is so far in debt that even what is free to ask is not answered."""
        if not self.limit or self._level(caller) < _OVERDRAWN_MS:
            return None
        return self.is_used_up(caller)

    async def take(self, caller: str, cost: int, *, in_any_case: bool = False) -> Taken:
        """Take points, if so many are left. `in_any_case` for what was done already: it may go into debt."""
        if not self.limit:
            return Taken(cost, 0, 0, timedelta(0), datetime.now(UTC))
        wait, level = await self._shared(caller, self._milliseconds(cost), in_any_case=in_any_case)
        return Taken(
            cost,
            self.limit,
            max(0, math.floor((_WINDOW_MS - level) * self.limit / _WINDOW_MS)),
            timedelta(milliseconds=wait),
            datetime.now(UTC) + timedelta(milliseconds=level),
        )

    def _milliseconds(self, cost: int) -> float:
        return cost * _WINDOW_MS / self.limit

    async def _shared(self, caller: str, cost: float, *, in_any_case: bool) -> tuple[float, float]:
        if self._clock() < self._alone_until:
            return self._by_itself(caller, cost, in_any_case=in_any_case)
        if cost and self._may_count_ahead(caller, cost):
            self._telling = self._telling or asyncio.create_task(self._tell())
            return self._by_itself(caller, cost, in_any_case=in_any_case)
        untold = self._untold_of(caller)
        self._untold.pop(caller, None)
        try:
            answer = await self._asked.get(_Ask(caller, cost, in_any_case, untold))
        except asyncio.CancelledError:
            self._untold[caller] = untold + self._untold.get(caller, 0)
            raise
        if answer is None:
            self._untold[caller] = untold + self._untold.get(caller, 0)
            return self._by_itself(caller, cost, in_any_case=in_any_case)
        wait, level = answer
        self._heard_at[caller] = self._clock()
        self._note(caller, level + self._untold_of(caller))
        return wait, level

    def _may_count_ahead(self, caller: str, cost: float) -> bool:
        if self._clock() - self._heard_at.get(caller, -math.inf) > _FRESH_S:
            return False
        return self._untold_of(caller) + cost <= _AHEAD_MS and self._level(caller) + cost <= _WINDOW_MS / 2

    async def _tell(self) -> None:
        await asyncio.sleep(_TELL_S)
        self._telling = None
        await asyncio.gather(*(self._shared(caller, 0, in_any_case=False) for caller in list(self._untold)))

    async def _take_all(self, asks: list[_Ask]) -> Mapping[_Ask, tuple[float, float]]:
        """Return what Redis says to each; nothing where it does not answer."""
        given = [value for ask in asks for value in (ask.cost, int(ask.in_any_case), ask.untold)]
        keys = [f"dunlin:rate:{ask.caller}" for ask in asks]
        try:
            answers = await _in_time(self._take(keys=keys, args=[_WINDOW_MS, _FORGET_MS, *given]))
        except (RedisError, OSError, TimeoutError) as error:
            self._note_silence(error)
            return {}
        self._silences = 0
        return dict(zip(asks, zip(answers[::2], answers[1::2], strict=True), strict=True))

    def _note_silence(self, error: Exception) -> None:
        """Count alone from now on where Redis is away, and not where one answer only was late."""
        self._silences += 1
        if isinstance(error, TimeoutError | RedisTimeoutError) and self._silences < _MOST_SILENCES:
            return
        self._alone_until = self._clock() + _ALONE_S
        log.warning("counting what callers ask for alone", error=type(error).__name__)

    def _by_itself(self, caller: str, cost: float, *, in_any_case: bool) -> tuple[float, float]:
        level = self._level(caller)
        wait = level + cost - _WINDOW_MS
        if wait > 0 and level > 0 and cost > 0 and not in_any_case:
            return wait, level
        if cost:
            self._untold[caller] = self._untold_of(caller) + cost
            level = min(level + cost, max(2 * _WINDOW_MS, cost))
        self._note(caller, level)
        return 0, level

    def _untold_of(self, caller: str) -> float:
        """Return what Redis is still to be told: what it knows has leaked away first."""
        return min(self._untold.get(caller, 0.0), self._level(caller))

    def _level(self, caller: str) -> float:
        return max(0.0, (self._empty_at.get(caller, 0.0) - self._clock()) * 1000)

    def _note(self, caller: str, level: float) -> None:
        now = self._clock()
        self._empty_at[caller] = now + level / 1000
        if len(self._empty_at) > _MOST_CALLERS:
            self._empty_at = {one: empty_at for one, empty_at in self._empty_at.items() if empty_at > now}
            self._untold = {one: untold for one, untold in self._untold.items() if one in self._empty_at}
            self._heard_at.clear()
        if len(self._empty_at) > _MOST_CALLERS:  # all of them are asking: they start anew
            self._empty_at.clear()
            self._untold.clear()


async def _in_time(asked: Awaitable[T]) -> T:
    """Return what Redis answers, or raise TimeoutError.

    In slices: where this process itself is late, because something heavy keeps its loop, that counts as one of them,
    and Redis is not held to be away.

    In a task of its own: redis-py takes a cancellation that comes at the wrong moment for the end of a wait of its own,
    and goes on. What was cancelled with it (an operation, a socket) would then never end.
    """
    asking = asyncio.ensure_future(asked)
    asking.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody may be there to hear it
    try:
        for _ in range(_SLICES):
            done, _waiting = await asyncio.wait([asking], timeout=_SLICE_S)
            if done:
                return await asking
        raise TimeoutError
    finally:
        asking.cancel()
