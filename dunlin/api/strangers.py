"""Who brings bad tokens, by network address, in one process: each costs a statement of the database.

Many may share an address, behind a proxy or a network's gateway. So whoever has been let in here before is looked at
all the same, and only tokens that nobody has seen have to wait; some of those are looked at every second all the same,
for after a start nobody has been seen.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_address

import structlog

from dunlin.api.transport.occupancy import network_of

AT_ONCE = 100
PER_SECOND = 8.0
_MOST_NETWORKS = 10_000
_MOST_FRIENDS = 10_000

log = structlog.get_logger()


class Strangers:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._forgiven_at: OrderedDict[str, float] = OrderedDict()  # when no bad token of a network counts any more
        self._has_warned = False
        self._friends: OrderedDict[bytes, None] = OrderedDict()  # digests of tokens that were good

    def wait_of(self, token: str, address: str | None) -> float:
        """Return for how many seconds this token is not looked at; 0: it may be."""
        if address is None or _digest(token) in self._friends:
            return 0.0
        counted = self._forgiven_at.get(network_of(address), 0.0) - self._clock()
        return max(0.0, counted - (AT_ONCE - 1) / PER_SECOND)

    def note_bad(self, address: str | None) -> None:
        if address is None:
            return
        network, now = network_of(address), self._clock()
        self._forgiven_at[network] = max(self._forgiven_at.get(network, now), now) + 1 / PER_SECOND
        self._forgiven_at.move_to_end(network)
        if len(self._forgiven_at) > _MOST_NETWORKS:
            self._forgiven_at.popitem(last=False)
        if not self._has_warned and self._forgiven_at[network] - now >= AT_ONCE / PER_SECOND and _is_private(address):
            self._has_warned = True
            log.warning(
                "many bad tokens from a private address: if it is a proxy's, name it in DUNLIN_TRUSTED_PROXIES",
                address=address,
            )

    def note_good(self, token: str) -> None:
        digest = _digest(token)
        self._friends[digest] = None
        self._friends.move_to_end(digest)
        if len(self._friends) > _MOST_FRIENDS:
            self._friends.popitem(last=False)


def _is_private(address: str) -> bool:
    """Return whether it is an address that a proxy of the operator's would come from, not a client of the world."""
    try:
        return ip_address(address).is_private
    except ValueError:
        return False


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()
