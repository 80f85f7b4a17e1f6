"""What every example of the simulation stands on: made once, and brought back to its beginning each time."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from dunlin.channels import twilio
from dunlin.domain.actions import under_way
from dunlin.domain.choices import IntegrationProvider
from dunlin.domain.errors import Refusal
from dunlin.domain.store import Store
from dunlin.jobs import deliverer
from dunlin.jobs.deliverer import Deliverer
from dunlin.runtime.wiring import Services
from tests.fault.simulation.carrier import SimulatedCarrier, SimulatedChannel
from tests.fault.simulation.clock import VirtualClock, empty

T = TypeVar("T")


class NoBell:
    """Wakes nobody: when who works is what the simulation decides."""

    async def wake_planner(self) -> None: ...

    async def wake_deliverer(self) -> None: ...

    async def announce(self, organization_ids: object) -> None: ...


@dataclass(slots=True)
class Waiting:
    """An act that may have to wait for calls under way before it is reported done."""

    act: asyncio.Task[Any]
    report: Callable[[Any], None]
    asleep: asyncio.Event = field(default_factory=asyncio.Event)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    is_done: bool = False


class Gate:
    """Stands for the short sleeps of those who wait: they look again when the simulation says so."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Task[Any], Waiting] = {}

    async def sleep(self, _seconds: float) -> None:
        current = asyncio.current_task()
        assert current is not None
        waiting = self._waiting[current]
        waiting.wake.clear()
        waiting.asleep.set()
        await waiting.wake.wait()

    async def begin(self, act: Coroutine[Any, Any, Any], report: Callable[[Any], None]) -> Waiting:
        waiting = Waiting(asyncio.create_task(act), report)
        self._waiting[waiting.act] = waiting
        await self._until_still(waiting)
        return waiting

    async def look_again(self, waiting: Waiting) -> None:
        if not waiting.is_done:
            waiting.asleep.clear()
            waiting.wake.set()
            await self._until_still(waiting)

    async def forget(self) -> None:
        for act in self._waiting:
            act.cancel()
        if self._waiting:
            await asyncio.wait(self._waiting)
        self._waiting.clear()

    async def _until_still(self, waiting: Waiting) -> None:
        asleep = asyncio.create_task(waiting.asleep.wait())
        await asyncio.wait({waiting.act, asleep}, return_when=asyncio.FIRST_COMPLETED)
        asleep.cancel()
        if waiting.act.done():
            waiting.is_done = True
            del self._waiting[waiting.act]
            with suppress(Refusal):  # nothing was changed, so nothing is promised
                waiting.report(waiting.act.result())


@dataclass(frozen=True, slots=True)
class Ground:
    loop: asyncio.AbstractEventLoop
    services: Services
    clock: VirtualClock
    carrier: SimulatedCarrier
    channel: SimulatedChannel
    deliverer: Deliverer
    gate: Gate

    @property
    def store(self) -> Store:
        return self.services.store

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def reset(self) -> None:
        await self.gate.forget()
        self.carrier.reset()
        await empty()
        await self.clock.reset()


def make_ground(opened: Services, loop: asyncio.AbstractEventLoop) -> Ground:
    carrier = SimulatedCarrier()
    channel = SimulatedChannel(carrier)
    services = replace(
        opened,
        store=Store(NoBell()),
        channels={IntegrationProvider.TWILIO: channel, IntegrationProvider.SANDBOX: channel},
    )
    return Ground(loop, services, VirtualClock(), carrier, channel, Deliverer(services), Gate())


@contextmanager
def virtual_time(ground: Ground) -> Iterator[None]:
    """Let the product's own code read the virtual clocks, where it reads one itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deliverer, "time", SimpleNamespace(clock_gettime=lambda _: ground.clock.boot_s))
        patch.setattr(under_way, "asyncio", SimpleNamespace(sleep=ground.gate.sleep))
        patch.setattr(twilio, "datetime", SimpleNamespace(now=lambda _: ground.clock.now))
        yield
