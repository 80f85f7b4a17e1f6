"""A host whose clock is wrong."""

import sys
from datetime import datetime, timedelta, tzinfo

from tests.fault.switch import switch


def set_clock_ahead(seconds: float) -> None:
    """Have what works in this process believe that it is so much later; a negative number: earlier."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    for name, module in list(sys.modules.items()):
        if name.startswith("dunlin.jobs.") and getattr(module, "datetime", None) is datetime:
            switch(module, "datetime", Wrong)
