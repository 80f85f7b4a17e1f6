"""The doorbell: arq jobs and pub/sub over Redis. Losing it delays, never loses."""

import asyncio
import json
from collections.abc import Collection

import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

QUEUE = "dunlin:queue"
EVENTS = "dunlin:events"
PLAN_JOB = "plan"
DELIVER_JOB = "deliver"

_MOMENT_S = 0.2
_RINGING_S = 2.0  # nobody waits for it, and a process that is busy itself takes long to hear that it has rung

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
    """Rings best effort and soon: whoever asks waits for nothing. A lost ring is made good by the clock tick.

    What is asked for while Redis is being told of something else goes in one ring. Belongs to the loop it is used in.
    """

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._jobs: set[str] = set()
        self._organization_ids: set[int] = set()
        self._ringing: asyncio.Task[None] | None = None

    def wake_planner(self) -> None:
        self._jobs.add(PLAN_JOB)
        self._begin()

    def wake_deliverer(self) -> None:
        self._jobs.add(DELIVER_JOB)
        self._begin()

    def announce(self, organization_ids: Collection[int]) -> None:
        self._organization_ids.update(organization_ids)
        self._begin()

    async def aclose(self) -> None:
        """Return when everything has been rung for, or lost."""
        if self._ringing is not None:
            await self._ringing

    def _begin(self) -> None:
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._ring_all())

    async def _ring_all(self) -> None:
        while self._jobs or self._organization_ids:
            jobs, self._jobs = self._jobs, set()
            organization_ids, self._organization_ids = self._organization_ids, set()
            try:
                async with asyncio.timeout(_RINGING_S):
                    if organization_ids:
                        await self._redis.publish(EVENTS, json.dumps(sorted(organization_ids)))
                    for job in sorted(jobs):
                        await self._redis.enqueue_job(job, _job_id=job)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("rings lost", jobs=sorted(jobs), error=type(error).__name__)
