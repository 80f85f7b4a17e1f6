"""Keeps every sender to its rate over all workers together: a token bucket per sender in Redis."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

_BURST_S = 1.0  # a sender that was idle may send a second's worth at once
_PATIENCE = timedelta(milliseconds=200)  # with Redis
_ROUNDING_S = 1e-6  # of sums of moments, which are large numbers
_FORGET_S = 60
_AWAY_S = 1.0  # Redis is not asked again so soon after it did not answer

# For each sender in turn: if its bucket holds the segments, take them and answer 0, else the milliseconds until it will
# hold them after those who were turned away before. A bucket is the moment at which it is full again.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local waits, queued = {}, {}
for place, key in ipairs(KEYS) do
  local cost = ARGV[2 * place - 1] * 1000 / ARGV[2 * place]
  local full = math.max(tonumber(redis.call('GET', key) or '0'), now)
  local wait = full + (queued[key] or 0) - now - tonumber(ARGV[#ARGV - 1])
  if wait <= 0 and not queued[key] then
    redis.call('SET', key, full + cost, 'PX', math.ceil(full + cost - now) + ARGV[#ARGV] * 1000)
    waits[place] = 0
  else
    queued[key] = (queued[key] or 0) + cost
    waits[place] = math.ceil(math.max(wait, 1))
  end
end
return waits
"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Turn:
    """Segments that a sender wants to send now; `rate` is in segments a second."""

    sender: str
    segments: int
    rate: float


class Pacer:
    """One per process. While Redis is away each process keeps to the rates by itself."""

    def __init__(self, redis: Redis, patience: timedelta = _PATIENCE) -> None:
        self._patience_s = patience.total_seconds()
        self._take = redis.register_script(_TAKE)
        self._alone: dict[str, float] = {}
        self._alone_until = 0.0

    async def take(self, turns: Sequence[Turn]) -> list[timedelta]:
        """Return for each turn how long it has to wait; zero: it may go, and its tokens are taken."""
        if not turns:
            return []
        if time.monotonic() < self._alone_until:
            return self._take_alone(turns, time.monotonic())
        try:
            async with asyncio.timeout(self._patience_s):
                waits = await self._take(
                    keys=[f"dunlin:pace:{turn.sender}" for turn in turns],
                    args=[
                        *(value for turn in turns for value in (turn.segments, turn.rate)),
                        int(_BURST_S * 1000),
                        _FORGET_S,
                    ],
                )
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("pacing alone", error=type(error).__name__)
            self._alone_until = time.monotonic() + _AWAY_S
            return self._take_alone(turns, time.monotonic())
        return [timedelta(milliseconds=wait) for wait in waits]

    def _take_alone(self, turns: Sequence[Turn], now: float) -> list[timedelta]:
        self._alone = {sender: full for sender, full in self._alone.items() if full > now}
        queued: dict[str, float] = {}
        return [self._turn_alone(turn, now, queued) for turn in turns]

    def _turn_alone(self, turn: Turn, now: float, queued: dict[str, float]) -> timedelta:
        cost = turn.segments / turn.rate
        full = max(self._alone.get(turn.sender, 0.0), now)
        wait = full + queued.get(turn.sender, 0.0) - now - _BURST_S
        if wait <= _ROUNDING_S and turn.sender not in queued:
            self._alone[turn.sender] = full + cost
            return timedelta(0)
        queued[turn.sender] = queued.get(turn.sender, 0.0) + cost
        return timedelta(seconds=max(wait, 0.001))
