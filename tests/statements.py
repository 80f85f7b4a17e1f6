"""What is asked of the database meanwhile."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
