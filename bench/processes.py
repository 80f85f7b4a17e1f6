"""Processes beside this one. Each is ended by whoever began it, also where something goes wrong."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import httpx

if TYPE_CHECKING:  # the carrier is to start soon
    from dunlin.runtime.wiring import Services

T = TypeVar("T")

_PATIENCE_S = 30
_LONGEST_RUN_S = 600


@asynccontextmanager
async def a_process(
    *arguments: str, ready: bytes = b"", environment: Mapping[str, str] | None = None
) -> AsyncIterator[int]:
    """Run `python -m ...` and yield its process id when it has logged `ready`."""
    process = await _begin(arguments, environment, stdout=asyncio.subprocess.DEVNULL)
    assert process.stderr is not None
    logging = None
    try:
        if ready:
            async with asyncio.timeout(_PATIENCE_S):
                while ready not in (line := await process.stderr.readline()):
                    assert line, f"{arguments} ended before it was ready"
        logging = asyncio.create_task(_show_trouble(process.stderr))
        yield process.pid
    finally:
        await _end(process)
        if logging is not None:
            await logging


async def figure_of(*arguments: str, environment: Mapping[str, str] | None = None) -> float:
    """Run `python -m ...` to its end and return the number that it prints."""
    process = await _begin(arguments, environment, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(_LONGEST_RUN_S):
            printed, said = await process.communicate()
    finally:
        await _end(process)
    assert process.returncode == 0, said.decode()
    return float(printed)


async def _begin(
    arguments: tuple[str, ...], environment: Mapping[str, str] | None, *, stdout: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        env={**os.environ, **(environment or {})},
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _show_trouble(log: asyncio.StreamReader) -> None:
    """Pass on errors. Read all of it, or the pipe would fill and the process wait."""
    while line := await log.readline():
        if b'"level": "info"' not in line and b'"level": "warning"' not in line:
            sys.stderr.write(line.decode(errors="replace"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def a_worker(services: "Services") -> AsyncIterator[int]:
    """Run `dunlin worker` on these services' database and yield its process id when it is ready."""
    async with a_process("dunlin", "worker", ready=b"worker ready", environment=services.settings.environment()) as pid:
        yield pid


@dataclass(frozen=True, slots=True)
class Server:
    address: str
    pid: int


@asynccontextmanager
async def an_api(services: "Services") -> AsyncIterator[Server]:
    """Run `dunlin api` on these services' database; yield when it is ready."""
    port = free_port()
    settings = services.settings.model_copy(update={"port": port})
    async with a_process("dunlin", "api", environment=settings.environment()) as pid:
        address = f"http://127.0.0.1:{port}"
        await until_answering(f"{address}/readyz")
        yield Server(address, pid)


@asynccontextmanager
async def a_server(app: str, services: "Services") -> AsyncIterator[Server]:
    """Serve one of `bench.beside` as Dunlin is served: one uvicorn with uvloop and httptools, without a log."""
    port = free_port()
    uvicorn = ("uvicorn", f"bench.beside.{app}:app", "--host", "127.0.0.1", "--port", str(port), "--loop", "uvloop")
    options = ("--http", "httptools", "--ws", "websockets-sansio", "--no-access-log", "--log-level", "warning")
    async with a_process(*uvicorn, *options, environment=services.settings.environment()) as pid:
        address = f"http://127.0.0.1:{port}"
        await until_answering(f"{address}/ready")
        yield Server(address, pid)


@asynccontextmanager
async def together(*processes: AbstractAsyncContextManager[T]) -> AsyncIterator[list[T]]:
    """Start processes at once, because each of them imports for a second or more."""
    async with AsyncExitStack() as stack:
        starting = [asyncio.create_task(stack.enter_async_context(process)) for process in processes]
        await asyncio.wait(starting)  # also where one fails: then the others are to be ended
        yield [task.result() for task in starting]


async def until_answering(url: str) -> None:
    async with asyncio.timeout(_PATIENCE_S), httpx.AsyncClient(trust_env=False) as http:
        while True:
            try:
                if (await http.get(url)).status_code < 400:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.01)
