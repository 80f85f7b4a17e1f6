"""A host whose clock is wrong."""

from datetime import datetime, timedelta, tzinfo

from dunlin.jobs import answer_recorder, deliverer, price_keeper, worker
from tests.fault.switch import switch


def set_clock_ahead(seconds: float) -> None:
    """Have what works in this process believe that it is so much later; a negative number: earlier."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    for module in (answer_recorder, deliverer, price_keeper, worker):
        switch(module, "datetime", Wrong)
