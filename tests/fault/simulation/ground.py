"""What every example of the simulation stands on: made once, and brought back to its beginning each time."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from dunlin.channels import twilio, twilio_messages
from dunlin.domain import times
from dunlin.domain.actions import under_way
from dunlin.domain.channel import Channels
from dunlin.domain.choices import IntegrationProvider
from dunlin.domain.store import Store
from dunlin.jobs.deliverer import Deliverer
from dunlin.jobs.reconciler import Reconciler
from dunlin.runtime.wiring import Services
from tests.fault.simulation.carrier import SimulatedCarrier
from tests.fault.simulation.clock import VirtualClock, empty
from tests.fault.simulation.road import SimulatedChannel, SimulatedTransport, Turns

T = TypeVar("T")


class NoBell:
    """Wakes nobody: when who works is what the simulation decides."""

    def wake_planner(self) -> None: ...

    def wake_deliverer(self) -> None: ...

    def announce(self, organization_ids: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Ground:
    """`deliverer` and `reconciler` are everybody's: they keep nothing of what is asked of them here."""

    loop: asyncio.AbstractEventLoop
    services: Services
    clock: VirtualClock
    carrier: SimulatedCarrier
    transport: SimulatedTransport
    channel: SimulatedChannel
    deliverer: Deliverer
    reconciler: Reconciler
    turns: Turns

    @property
    def store(self) -> Store:
        return self.services.store

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def reset(self) -> None:
        await self.turns.forget()
        self.carrier.reset()
        await empty()
        await self.clock.reset()


def make_ground(opened: Services, loop: asyncio.AbstractEventLoop) -> Ground:
    clock, turns = VirtualClock(), Turns()
    carrier = SimulatedCarrier(clock)
    transport = SimulatedTransport(carrier, turns)
    channel = SimulatedChannel(transport)
    services = replace(
        opened,
        store=Store(NoBell()),
        channels=Channels({IntegrationProvider.TWILIO: channel, IntegrationProvider.SANDBOX: channel}, {}),
    )
    deliverer, asking = Deliverer(services), Reconciler(services)
    return Ground(loop, services, clock, carrier, transport, channel, deliverer, asking, turns)


@contextmanager
def virtual_time(ground: Ground) -> Iterator[None]:
    """Let the product's own code read the virtual clocks, where it reads one itself."""

    async def sleep(_seconds: float) -> None:
        await ground.turns.wait("waiting")

    wall = SimpleNamespace(now=lambda _: ground.clock.now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(times, "time", SimpleNamespace(clock_gettime=lambda _: ground.clock.boot_s))
        patch.setattr(under_way, "asyncio", SimpleNamespace(sleep=sleep))
        for module in (twilio, twilio_messages):
            patch.setattr(module, "datetime", wall)
        yield
