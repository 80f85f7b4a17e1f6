"""The doorbell: arq jobs and pub/sub over Redis. Losing it delays, never loses."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection

import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

QUEUE = "dunlin:queue"
EVENTS = "dunlin:events"
PLAN_JOB = "plan"
DELIVER_JOB = "deliver"

_MOMENT_S = 0.2

log = structlog.get_logger()


def encode_job(job: dict[str, object]) -> bytes:
    """arq's default is pickle, with which whoever writes to Redis runs code in the workers."""
    return json.dumps(job).encode()


def decode_job(raw: bytes) -> dict[str, object]:
    decoded: dict[str, object] = json.loads(raw)
    return decoded


def open_redis(url: str) -> ArqRedis:
    """Return a client that connects when first used, so that a process starts without Redis too."""
    pool = ConnectionPool.from_url(url, socket_timeout=2, socket_connect_timeout=_MOMENT_S)
    return ArqRedis(pool, job_serializer=encode_job, job_deserializer=decode_job, default_queue_name=QUEUE)


class RedisBell:
    """Rings best effort: a lost ring is made good by the clock tick."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis

    async def wake_planner(self) -> None:
        await self._ring(PLAN_JOB, lambda: self._redis.enqueue_job(PLAN_JOB, _job_id=PLAN_JOB))

    async def wake_deliverer(self) -> None:
        await self._ring(DELIVER_JOB, lambda: self._redis.enqueue_job(DELIVER_JOB, _job_id=DELIVER_JOB))

    async def announce(self, organization_ids: Collection[int]) -> None:
        await self._ring(EVENTS, lambda: self._redis.publish(EVENTS, json.dumps(sorted(organization_ids))))

    async def _ring(self, name: str, ring: Callable[[], Awaitable[object]]) -> None:
        try:
            async with asyncio.timeout(_MOMENT_S):
                await ring()
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("ring lost", ring=name, error=type(error).__name__)
