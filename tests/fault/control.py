"""Controls: a gate is worth something only if the fault that it guards against does not get through it."""

from collections.abc import Awaitable, Callable

from dunlin.sandbox.behaviour import Behaviour
from tests.fault.ring import Ring, Shared, a_ring

_CHANCES = 4


async def is_caught(
    shared: Shared,
    seed: int,
    shows: Callable[[Ring], Awaitable[bool]],
    *,
    behaviour: Behaviour,
    organizations: int = 2,
    asks_faster: float = 4,
) -> bool:
    """Return whether a fault that is switched in `shows`, in one of a few worlds with a seed of their own each.

    Most faults show only where a process is halted, or an answer lost, at the wrong moment: in nearly every run, but
    not for certain. The gates themselves have one world each, in which nothing may go wrong.
    """
    for chance in range(_CHANCES):
        async with a_ring(
            shared, seed + chance, behaviour=behaviour, organizations=organizations, asks_faster=asks_faster
        ) as ring:
            if await shows(ring):
                return True
    return False
