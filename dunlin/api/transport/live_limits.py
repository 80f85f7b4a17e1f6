"""What connections that stay may take of one process: WebSockets and event streams, counted together."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from dunlin.runtime.settings import Settings

PINGS_AT_ONCE = 500
PINGS_PER_SECOND = 10


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """The numbers of connections are of one process: several behind one proxy let in so many each.

    `operations_per_token` is over all connections of the token. Operations begin at `operations_per_second` for long,
    and `operations_at_once` after a while of none. Nothing that was read is as old as `stream_lasts`: proxies and
    clients close older streams anyway, and a client resumes where it was.
    """

    connections: int
    connections_per_address: int
    connections_per_token: int
    operations_per_socket: int = 50
    operations_per_token: int = 1_000
    operations_at_once: int = 100
    operations_per_second: int = 20
    pings_at_once: int = PINGS_AT_ONCE
    pings_per_second: int = PINGS_PER_SECOND
    init_within: timedelta = timedelta(seconds=10)
    idle_for: timedelta = timedelta(minutes=10)
    heartbeat: timedelta = timedelta(seconds=15)
    stream_lasts: timedelta = timedelta(hours=1)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            connections=settings.live_connections,
            connections_per_address=settings.live_connections_per_address,
            connections_per_token=settings.live_connections_per_token,
        )
