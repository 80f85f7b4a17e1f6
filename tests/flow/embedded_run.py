"""`dunlin dev` as a person runs it: a process of its own, with its data in a folder of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.ports import free_ports

_READY = "Dunlin is ready."
_READY_WITHIN_S = 60
_GONE_WITHIN_S = 30


class Output:
    """What a process says, kept from its beginning to its end."""

    def __init__(self) -> None:
        self.said = b""
        self._more = asyncio.Event()
        self._is_over = False

    async def read(self, stream: asyncio.StreamReader) -> None:
        while part := await stream.read(65_536):
            self.said += part
            self._more.set()
        self._is_over = True
        self._more.set()

    async def until(self, *words: str) -> None:
        """Return when all of these have been said."""
        while not all(word.encode() in self.said for word in words):
            assert not self._is_over, f"the run ended by itself:\n{self.said.decode()}"
            self._more.clear()
            await self._more.wait()


@dataclass(frozen=True, slots=True)
class EmbeddedRun:
    process: asyncio.subprocess.Process
    var: Path
    port: int
    output: Output

    @property
    def said(self) -> str:
        """Everything that has been said so far; after the run, everything that was."""
        return self.output.said.decode()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def outbox(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}/outbox.json"

    @property
    def token(self) -> str:
        return (self.var / "dev-token").read_text().strip()

    @property
    def redis_url(self) -> str:
        return f"unix://{self.var / 'valkey' / 'valkey.sock'}"

    def descendants(self) -> list[psutil.Process]:
        """Every process of the run, servers included."""
        children: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return children

    async def stop(self) -> int:
        """Press Ctrl-C, wait for the end, and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(_GONE_WITHIN_S):
            return await self.process.wait()


async def begin(var: Path, port: int, **environment: str) -> asyncio.subprocess.Process:
    """Start the run and return at once."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DUNLIN_")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dunlin",
        "dev",
        env={**inherited, "DUNLIN_VAR": str(var), "DUNLIN_PORT": str(port), "PYTHONUNBUFFERED": "1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@asynccontextmanager
async def embedded_run(var: Path, **environment: str) -> AsyncIterator[EmbeddedRun]:
    """Start the run, wait until it says that it is ready, and stop it at the end."""
    port = free_ports(3)
    process = await begin(var, port, **environment)
    assert process.stdout is not None
    output = Output()
    reading = asyncio.create_task(output.read(process.stdout))
    async with asyncio.timeout(_READY_WITHIN_S):
        await output.until(_READY, "Ctrl-C")
    run = EmbeddedRun(process, var, port, output)
    try:
        yield run
    finally:
        if process.returncode is None:
            await run.stop()
        await reading
