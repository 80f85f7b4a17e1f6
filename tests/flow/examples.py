"""The clients under examples/, as processes of their own."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = REPOSITORY / "examples" / "python"
TYPESCRIPT = REPOSITORY / "examples" / "typescript"

WEB_SOCKET = ["graphql-ws", "apollo", "urql", "relay"]
NODE = [*WEB_SOCKET, "sse"]

_LOCK = TYPESCRIPT / "package-lock.json"
_INSTALLED = TYPESCRIPT / "node_modules" / ".installed-from"  # `make` writes it


def why_not_node() -> str | None:
    """Return why what needs Node cannot be tried here; None if it can."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "Node is not installed"
    if not _INSTALLED.exists() or _INSTALLED.read_bytes() != _LOCK.read_bytes():
        return f"the packages are not installed: make {_INSTALLED.relative_to(REPOSITORY)}"
    return None


class EndedTooSoon(Exception):
    """An example will not do any more what was waited for."""


@dataclass(slots=True)
class Running:
    """One example. `said` is what it has printed."""

    process: asyncio.subprocess.Process
    said: list[str]
    more: asyncio.Event
    reading: asyncio.Task[None]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return when something holds that can only come true by what the example does, or raise EndedTooSoon."""
        while not holds():
            if self.reading.done():
                raise EndedTooSoon
            self.more.clear()
            await self.more.wait()

    async def end(self) -> int:
        await self.reading
        return await self.process.wait()

    async def kill(self) -> None:
        self.process.kill()
        await self.end()

    async def problem(self) -> str:
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()


async def start(command: Sequence[str | Path]) -> Running:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said: list[str] = []
    more = asyncio.Event()

    async def read() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            said.append(line.decode().strip())
            more.set()
        more.set()

    return Running(process, said, more, asyncio.create_task(read()))


async def npm(*command: str) -> str:
    """Run a script of the TypeScript examples and return what it said."""
    process = await asyncio.create_subprocess_exec(
        *("npm", *command), cwd=TYPESCRIPT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


def python(name: str) -> list[str | Path]:
    return [sys.executable, PYTHON / f"{name}.py"]


def node(name: str) -> list[str | Path]:
    return ["node", TYPESCRIPT / "build" / f"{name}.js"]
