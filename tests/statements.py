"""What is asked of the database meanwhile."""

import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
import structlog
from asyncpg.connection import LoggedQuery
from asyncpg.pool import Pool
from tortoise.connection import get_connection

from dunlin.api.request_id import HEADER


def is_noting(statement: str) -> bool:
    """Return whether a statement notes the use of tokens: no request waits for it."""
    return "UPDATE token" in statement


@contextmanager
def statements(keep: Callable[[str], bool]) -> Iterator[list[str]]:
    """Collect the statements of this process that run meanwhile, as far as they are asked for."""
    collected: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if keep(record.getMessage()):
                collected.append(record.getMessage())

    logger, collector = logging.getLogger("tortoise.db_client"), Collector()
    level = logger.level
    logger.addHandler(collector)
    logger.setLevel(logging.DEBUG)
    try:
        yield collected
    finally:
        logger.setLevel(level)
        logger.removeHandler(collector)


# What asyncpg asks for itself: it resets a connection for the next one, and learns what the types are.
_OF_THE_DRIVER = (
    "SELECT pg_advisory_unlock_all()",
    "SELECT current_setting('jit')",
    "SELECT set_config('jit'",
    "WITH RECURSIVE typeinfo_tree",
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement, and the request for which it was sent, if for one."""

    sql: str
    values: tuple[object, ...]
    request_id: str | None


@asynccontextmanager
async def sent_by_the_driver() -> AsyncIterator[list[Sent]]:
    """Collect what is sent meanwhile over any connection of this process, BEGIN and COMMIT too."""
    collected: list[Sent] = []

    def collect(sent: LoggedQuery) -> None:
        statement = " ".join(sent.query.split())
        if not statement.startswith(_OF_THE_DRIVER):
            request_id = structlog.contextvars.get_contextvars().get("request_id")
            collected.append(Sent(statement, tuple(sent.args), request_id))

    await _on_every_connection(lambda connection: connection.add_query_logger(collect))
    try:
        yield collected
    finally:
        await _on_every_connection(lambda connection: connection.remove_query_logger(collect))


@asynccontextmanager
async def sent_for(http: httpx.AsyncClient) -> AsyncIterator[list[Sent]]:
    """Collect what is sent for the requests of a client alone: carriers call back about what other tests have sent."""
    request_id = secrets.token_hex(8)
    http.headers[HEADER] = request_id
    collected: list[Sent] = []
    try:
        async with sent_by_the_driver() as sent:
            yield collected
        collected += [one for one in sent if one.request_id == request_id]
    finally:
        del http.headers[HEADER]


async def _on_every_connection(work: Callable[..., None]) -> None:
    pool: Pool = get_connection("default")._pool
    async with AsyncExitStack() as stack:
        # All at once: so each of them, also one that was not open yet, is there.
        for connection in [await stack.enter_async_context(pool.acquire()) for _ in range(pool.get_max_size())]:
            work(connection)
