"""The embedded run: everything on this machine, each part in a process of its own, as in production."""

import asyncio
import os
import signal
import socket
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from dunlin.demo.seed import seed_demo
from dunlin.domain.choices import Permission
from dunlin.domain.tables import Account
from dunlin.domain.viewer import issue_token, viewer_of
from dunlin.runtime.database import migrate, open_database
from dunlin.runtime.embedded import with_embedded, write_secret
from dunlin.runtime.parent import DIES_WITH_PARENT
from dunlin.runtime.settings import BadSettings, Settings
from dunlin.sandbox.account import load_accounts, write_new_accounts

_READY_WITHIN_S = 30
_GOODBYE_S = 15
_RESTART_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class _Ports:
    """Of the sandbox: where it is read and spoken to over HTTP, and where it takes mails."""

    web: int
    smtp: int


@dataclass(frozen=True, slots=True)
class _Program:
    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def run_everything(settings: Settings) -> int:
    """Run until Ctrl-C or SIGTERM; leave no process behind. Return the exit code."""
    sandbox = _Ports(settings.port + 1, settings.port + 2)
    _require_free(settings.host, settings.port)
    _require_free("127.0.0.1", sandbox.web)
    _require_free("127.0.0.1", sandbox.smtp)
    _require_documents(settings)
    with ExitStack() as stack:
        click.echo("Starting the embedded servers ...")
        settings = with_embedded(settings, stack)
        settings = _with_sandbox(settings, sandbox)
        asyncio.run(_prepare(settings))
        return asyncio.run(_supervise(settings, sandbox))


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadSettings(
                f"DUNLIN_PORT: port {port} of {host} is taken (Dunlin needs its port and the next two). "
                "Choose another, for example: make run PORT=8100"
            ) from error


def _require_documents(settings: Settings) -> None:
    """Refuse documents that no API process would start with."""
    if settings.documents is not None:
        from dunlin.api.transport.documents import read_manifest

        read_manifest(settings.documents)


def _with_sandbox(settings: Settings, ports: _Ports) -> Settings:
    """Point to the sandbox carrier and its account, where no other carrier has been set."""
    bounces = settings.bounce_address or (None if settings.smtp_url else "bounces@sandbox.example")
    accounts = settings.var / "sandbox.json"
    write_new_accounts(accounts)
    account = load_accounts(accounts)[0]
    return settings.model_copy(
        update={
            "twilio_url": settings.twilio_url or f"http://127.0.0.1:{ports.web}",
            "sandbox_account_sid": account.sid,
            "sandbox_auth_token": account.auth_token,
            "sandbox_sender": account.phone_numbers[0],
            "sandbox_smtp_url": f"smtp://{account.sid}:{account.auth_token}@127.0.0.1:{ports.smtp}",
            "sandbox_smtp_from": "reminders@sandbox.example",
            "bounce_address": bounces,
            "dev_token_file": settings.var / "dev-token",
        }
    )


async def _prepare(settings: Settings) -> None:
    """Migrate, put in the demo data once, and see to it that the token in `var/dev-token` is in force."""
    assert settings.database_url is not None
    await migrate(settings.database_url)
    async with open_database(settings.database_url, pool=1):
        if await seed_demo(datetime.now(UTC)):
            click.echo("Demo data put in.")
        accounts = await Account.all().order_by("id")
        for account, file in zip(accounts, ("dev-token", "dev-token-other-account"), strict=False):
            await _ensure_token(account, settings.var / file, settings.secret_keys)


async def _ensure_token(account: Account, file: Path, keys: tuple[bytes, ...]) -> None:
    if file.exists() and await viewer_of(file.read_text().strip(), keys, datetime.now(UTC)):
        return
    secret = await issue_token(
        account_id=account.id,
        organization_ids=None,
        name="embedded run",
        permissions=frozenset(Permission),
        expires_at=None,
        key=keys[0],
    )
    write_secret(file, secret)


async def _supervise(settings: Settings, sandbox: _Ports) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    keepers = [asyncio.create_task(_keep(program, stopping)) for program in _programs(settings, sandbox)]
    address = f"http://{settings.host}:{settings.port}"
    waiting = asyncio.create_task(_ready([f"{address}/readyz", f"http://127.0.0.1:{sandbox.web}/healthz"]))
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    failed = not stopping.is_set() and not waiting.result()
    if failed:
        click.echo(f"Not ready within {_READY_WITHIN_S} s; what went wrong stands above.", err=True)
        stopping.set()
    elif not stopping.is_set():
        _welcome(settings, address, sandbox.web)
    await stopping.wait()
    click.echo("Stopping ...")
    await asyncio.gather(*keepers)
    waiting.cancel()
    return int(failed)


def _programs(settings: Settings, sandbox: _Ports) -> list[_Program]:
    environment = {
        **os.environ,
        **settings.environment(),
        DIES_WITH_PARENT: str(os.getpid()),
    }
    options = {
        "--port": str(sandbox.web),
        "--smtp-port": str(sandbox.smtp),
        "--accounts": str(settings.var / "sandbox.json"),
        "--ledger": str(settings.var / "sandbox-outbox.jsonl"),
        "--reports-to": f"{settings.callback_base}/webhooks/email/bounces",
    }
    arguments = (part for option in options.items() for part in option)
    return [
        _Program("sandbox", ("sandbox", *arguments), environment),
        _Program("api", ("api",), environment),
        _Program("worker", ("worker",), environment),
    ]


async def _keep(program: _Program, stopping: asyncio.Event) -> None:
    """Run a program, again if it ends by itself, until we stop; then let it finish what it does."""
    while not stopping.is_set():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "dunlin",
            *program.arguments,
            env=program.environment,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop them in order
        )
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if stopping.is_set():
            await _stop(process, ended)
            return
        click.echo(f"{program.name} ended with code {process.returncode}; it starts again.", err=True)
        await asyncio.sleep(_RESTART_AFTER_S)


async def _stop(process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(ended, _GOODBYE_S)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _ready(addresses: list[str]) -> bool:
    """Return whether every address answers within the time allowed."""
    try:
        async with asyncio.timeout(_READY_WITHIN_S):
            for address in addresses:
                while not await asyncio.to_thread(_answers, address):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
    except TimeoutError:
        return False
    return True


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1) as response:  # noqa: S310
            return bool(response.status == 200)
    except OSError:
        return False


def _welcome(settings: Settings, address: str, sandbox_port: int) -> None:
    playground = f"\n  GraphiQL          {address}/graphiql   (the token is filled in, the tabs are a walk-through)"
    click.echo(
        f"""
Dunlin is ready.
{playground if settings.graphiql else ""}
  GraphQL           {address}/graphql
  Sandbox outbox    http://127.0.0.1:{sandbox_port}/
  Token             {settings.var / "dev-token"}   (all permissions; another account's: dev-token-other-account)

Ctrl-C stops everything. The data stays in {settings.var}/.
"""
    )
