"""What the tests stand on: a PostgreSQL, a Valkey and a sandbox carrier of their own, started once."""

import gc
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from dunlin.api.limits import bounds, cost, reading, validation
from dunlin.domain.store import rows
from dunlin.runtime.database import migrate
from dunlin.runtime.embedded import with_embedded
from dunlin.runtime.settings import Settings
from dunlin.runtime.wiring import Services, open_services
from dunlin.sandbox.account import Account
from dunlin.sandbox.app import serving_with_mail
from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.mail import Mail
from dunlin.sandbox.switchboard import Switchboard
from dunlin.sandbox.world import World
from tests.ground import empty
from tests.serving import a_listener, address_of, forgive_bad_tokens, served

SANDBOX_ACCOUNT = Account(
    sid="AC" + "5a" * 16, auth_token="5e" * 16, friendly_name="Tests", phone_numbers=("+15005550006", "+447700900123")
)
_WAITING, _QUICK = {"fault", "flow"}, {"unit"}
_ALL_BEGUN = 0.8  # where the last file that waits begins, of the way through the others
QUICK = Behaviour(sent_delay_s=0.01, delivered_delay_s=0.02)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files that wait for other processes among those that calculate, and leave the quickest to the end.

    pytest-xdist gives files out in this order: the processors have work while a test waits, and no long file is last.
    """
    rings: dict[str, dict[Path, None]] = {}
    for item in items:
        rings.setdefault(_ring(item.path), {})[item.path] = None
    places = {
        path: (ring in _QUICK, place / len(files) * (_ALL_BEGUN if ring in _WAITING else 1))
        for ring, files in rings.items()
        for place, path in enumerate(files)
    }
    items.sort(key=lambda item: places[item.path])


def pytest_collection_finish() -> None:
    # Thousands of tests have been read by now. Nobody needs to look through them again for what may be thrown away.
    gc.collect()
    gc.freeze()


def _ring(path: Path) -> str:
    return path.relative_to(Path(__file__).parent).parts[0]


@contextmanager
def _folder() -> Iterator[Path]:
    # Not pytest's: it takes the rights to its folders back from everybody else whenever it starts, and the
    # embedded PostgreSQL runs as a user of its own. Short, too: sockets lie in it.
    with tempfile.TemporaryDirectory(prefix="dunlin-test-", ignore_cleanup_errors=True) as name:
        yield Path(name) / "var"


@pytest.fixture
def var() -> Iterator[Path]:
    """A place for the state of one embedded run; nothing is there yet."""
    with _folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def shared_var() -> Iterator[Path]:
    """The same for the runs of a whole file."""
    with _folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """Settings with an embedded PostgreSQL and an embedded Valkey behind them."""
    with _folder() as folder, ExitStack() as stack:
        yield with_embedded(Settings(var=folder), stack)


@pytest.fixture(scope="session")
def listener() -> Iterator[socket.socket]:
    """The socket that the API listens on; its port must be known before the carrier can call back."""
    with a_listener() as listening:
        yield listening


@dataclass(frozen=True, slots=True)
class SandboxCarrier:
    """A sandbox carrier that is running; `world.behave(...)` changes how it answers."""

    world: World
    address: str
    smtp: tuple[str, int]

    @property
    def smtp_url(self) -> str:
        host, port = self.smtp
        return f"smtp://{SANDBOX_ACCOUNT.sid}:{SANDBOX_ACCOUNT.auth_token}@{host}:{port}"

    @property
    def texts(self) -> list[str]:
        """What it has taken, newest first."""
        return [message.body for message in self.world.ledger.newest_first()]

    @property
    def mails(self) -> list[Mail]:
        """What it has taken, newest first; `read_content(mail.raw)` tells what they say."""
        return list(self.world.ledger.mails_newest_first())


@pytest_asyncio.fixture(scope="session")
async def sandbox(listener: socket.socket) -> AsyncIterator[SandboxCarrier]:
    world = World([SANDBOX_ACCOUNT], QUICK, reports_to=f"{address_of(listener)}/webhooks/email/bounces")
    async with serving_with_mail(world) as addresses:
        yield SandboxCarrier(world, addresses.web, addresses.smtp)


@pytest_asyncio.fixture(scope="session")
async def opened(settings: Settings, listener: socket.socket, sandbox: SandboxCarrier) -> AsyncIterator[Services]:
    assert settings.database_url is not None
    await migrate(settings.database_url)
    wired = settings.model_copy(
        update={
            "twilio_url": sandbox.address,
            "public_url": address_of(listener),
            "sandbox_account_sid": SANDBOX_ACCOUNT.sid,
            "sandbox_auth_token": SANDBOX_ACCOUNT.auth_token,
            "sandbox_sender": SANDBOX_ACCOUNT.phone_numbers[0],
            "sandbox_smtp_url": sandbox.smtp_url,
            "sandbox_smtp_from": "reminders@sandbox.example",
            "bounce_address": "bounces@sandbox.example",
            "rate_limit": 100_000_000,  # tests ask faster than anybody may
        }
    )
    async with open_services(wired) as services:
        # Processes are killed here, machines are not: what was written remains without fsync, too.
        await rows("ALTER SYSTEM SET fsync = off")
        await rows("SELECT pg_reload_conf()")
        yield services


@pytest_asyncio.fixture
async def services(opened: Services, sandbox: SandboxCarrier) -> Services:
    """Everything a process stands on, over an empty database."""
    return await emptied(opened, sandbox)


async def emptied(opened: Services, sandbox: SandboxCarrier) -> Services:
    """The same for fixtures that serve a whole file."""
    await empty()
    forgive_bad_tokens()
    await opened.redis.flushall()
    sandbox.world.behave(QUICK)
    sandbox.world.switchboard = Switchboard(None)
    return opened


@pytest_asyncio.fixture(scope="session")
async def api_address(opened: Services, listener: socket.socket) -> AsyncIterator[str]:
    """The API, served over HTTP and WebSocket inside this process."""
    async with served(opened, listener):
        yield address_of(listener)


@pytest_asyncio.fixture
async def http(services: Services, api_address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API without a token, over an empty database."""
    async with httpx.AsyncClient(base_url=api_address, timeout=10) as client:
        yield client


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let documents be as large and as dear as they like: some tests ask for all that there is, as no client does."""
    monkeypatch.setattr(bounds, "LARGEST", bounds.Size(*[10**9] * 5))
    monkeypatch.setattr(reading, "LONGEST_DOCUMENT", 10**9)
    monkeypatch.setattr(reading, "MOST_TOKENS", 10**9)
    monkeypatch.setattr(cost, "MOST", 10**9)
    monkeypatch.setattr(cost, "MOST_OF_SUBSCRIPTION", 10**9)
    monkeypatch.setattr(validation, "_MOST_COMPARISONS", 10**9)
