"""Ports for servers that have to be told theirs."""

import os
import socket
from random import SystemRandom

# Below those that the system gives to whoever asks for any, and to clients: one of these could be gone again between
# our looking and a server's taking it. Of this range, each process of the tests has a part of its own.
_FIRST = 12_000
_EACH = 5_000
_PROCESSES = 4

_own = _FIRST + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PROCESSES * _EACH
_next = SystemRandom().randrange(_EACH)


def free_ports(count: int = 1) -> int:
    """Return the first of so many ports in a row that are free; nobody here is given them a second time soon."""
    global _next
    for _ in range(_EACH):
        first = _own + _next % (_EACH - count)
        _next += count
        if all(_is_free(first + place) for place in range(count)):
            return first
    raise AssertionError("no ports are free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
