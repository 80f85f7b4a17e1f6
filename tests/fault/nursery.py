"""Starting and ending the processes of the ring, from the side of the tests."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.fault.order import Order

_ROOT = Path(__file__).parents[2]
_GONE_WITHIN_S = 15


class Child:
    """One process. It is signaled by its id, and never after its end is known."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.stopped = asyncio.Event()  # by SIGSTOP, its own or ours
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def is_over(self) -> bool:
        return self._ended.done()

    def end(self, code: int) -> None:
        self._ended.set_result(code)

    async def wait(self) -> int:
        """Return its exit code; a negative one is the signal that ended it."""
        return await asyncio.shield(self._ended)

    def send(self, number: int) -> None:
        if not self.is_over:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def suspend(self) -> None:
        self.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.stopped.clear()
        self.send(signal.SIGCONT)


class Nursery:
    """Starts processes; all of them have ended when it is closed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._children: dict[int, Child] = {}
        self._asked: list[asyncio.Future[Child]] = []

    async def start(self, order: Order) -> Child:
        assert self._process.stdin is not None
        born: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._asked.append(born)  # they are started in the order of asking
        self._process.stdin.write(order.to_json().encode() + b"\n")
        return await asyncio.shield(born)

    async def listen(self) -> None:
        """Take what the nursery says, until its end."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            match json.loads(line):
                case {"started": int(pid)}:
                    self._children[pid] = Child(pid)
                    self._asked.pop(0).set_result(self._children[pid])
                case {"stopped": int(pid)}:
                    self._children[pid].stopped.set()
                case {"ended": int(pid), "code": int(code)}:
                    self._children.pop(pid).end(code)

    async def close(self) -> None:
        children = list(self._children.values())
        for child in children:
            child.kill()
        async with asyncio.timeout(_GONE_WITHIN_S):
            await asyncio.gather(*(child.wait() for child in children))
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()


@asynccontextmanager
async def a_nursery() -> AsyncIterator[Nursery]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fault.process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=_ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("DUNLIN_")},
        start_new_session=True,  # Ctrl-C reaches us alone, and we end them in order
    )
    nursery = Nursery(process)
    listening = asyncio.create_task(nursery.listen())
    try:
        yield nursery
    finally:
        await nursery.close()
        await listening
