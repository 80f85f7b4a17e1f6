"""Who takes how many places of this process."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, IPv6Network, ip_address

from dunlin.api.errors import ErrorCode
from dunlin.api.transport.live_limits import LiveLimits
from dunlin.api.transport.refused import Refused
from dunlin.domain.viewer import Viewer

_SOON = 10  # seconds


class Occupancy:
    """Places are taken for as long as a `with` lasts; where there is none, it raises `Refused`."""

    def __init__(self, limits: LiveLimits) -> None:
        self._limits = limits
        self._taken: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def connection(self, address: str | None) -> Iterator[None]:
        """Take a place for a connection, before it is known whose it is."""
        most, most_of_one = self._limits.connections, self._limits.connections_per_address
        with self._place("process", "", most, _full):
            if address is None:  # a socket of this machine: whose connection it is, only its proxy knows
                yield
                return
            with self._place("address", network_of(address), most_of_one, _many_of_address):
                yield

    @contextmanager
    def guest(self, viewer: Viewer) -> Iterator[None]:
        """Take a place for a connection of a token."""
        most = self._limits.connections_per_token
        with self._place("guest", _key_of(viewer), most, _many_of_token):
            yield

    @contextmanager
    def operation(self, viewer: Viewer) -> Iterator[None]:
        """Take a place for an operation, over whichever of a token's connections."""
        most = self._limits.operations_per_token
        with self._place("operation", _key_of(viewer), most, _busy):
            yield

    @contextmanager
    def _place(self, kind: str, key: str, most: int, refusal: Callable[[int], Refused]) -> Iterator[None]:
        if self._taken[kind, key] >= most:
            raise refusal(most)
        self._taken[kind, key] += 1
        try:
            yield
        finally:
            self._taken[kind, key] -= 1
            if not self._taken[kind, key]:
                del self._taken[kind, key]

    @property
    def connections(self) -> int:
        """How many connections there are, of bearers of a token or not yet."""
        return self._taken.get(("process", ""), 0)

    @property
    def is_empty(self) -> bool:
        return not self._taken


def _full(most: int) -> Refused:
    message = "No more connections are taken here now; try again."
    return Refused(503, ErrorCode.UNAVAILABLE, message, retry_after=_SOON)


def _many_of_address(most: int) -> Refused:
    return _too_many(f"Your network address has {most} live connections; close one first.")


def _many_of_token(most: int) -> Refused:
    return _too_many(f"The token has {most} live connections; close one first.")


def _busy(most: int) -> Refused:
    return _too_many(f"The token has {most} operations running; end one first.")


def _too_many(message: str) -> Refused:
    return Refused(429, ErrorCode.RATE_LIMITED, message, retry_after=_SOON)


def _key_of(viewer: Viewer) -> str:
    return f"{viewer.account_id}:{viewer.actor.kind.value}:{viewer.actor.id}"


def network_of(address: str) -> str:
    """Return what is one client's: an IPv4 address, or the network of 64 bits that an IPv6 client is given whole."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(IPv6Network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address
