"""The examples see every delivery event once and in order, whatever is done to their connections and to the API."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from dunlin.domain.store import rows
from dunlin.runtime.wiring import Services
from dunlin.sandbox.switchboard import Switchboard
from tests.conftest import QUICK, SandboxCarrier
from tests.flow.examples import EndedTooSoon, node, npm, python, why_not_node
from tests.flow.line import Line, a_line
from tests.flow.test_two_of_each import a_worker, until_ready
from tests.flow.trial import Api, Trial, a_trial

NODE = ["graphql-ws", "apollo", "urql", "relay"]
KILLED = "python, killed again and again"
EXAMPLES = ["python", KILLED, *NODE]
OPENED_BY_THE_EXAMPLE = 2
SOON_S = 45
FEW_BYTES = (300, 2_000)  # an answer to the handshake takes some 150, an event some 300


@dataclass(frozen=True, slots=True)
class Seen:
    """What an example has seen, what there was to see, and how it ended."""

    printed: list[str]
    listed: list[str]
    exit_code: int
    problem: str


class Ring:
    """The API that the examples talk to, the line to it, and the examples."""

    def __init__(self, services: Services, api: Api, line: Line, trials: dict[str, Trial]) -> None:
        self.services = services
        self.api = api
        self.line = line
        self.trials = trials
        self.left_behind: set[str] = set()

    async def open_cases(self) -> None:
        for trial in self.trials.values():
            await trial.open_case(self.services)

    async def all_sent(self) -> None:
        """Return when every reminder there is has arrived."""
        ids = [trial.organization.id for trial in self.trials.values()]
        wanted = sum(trial.opened + OPENED_BY_THE_EXAMPLE for trial in self.trials.values())
        while True:
            arrived = "SELECT count(*) AS n FROM reminder WHERE status = 'DELIVERED' AND organization_id = ANY($1)"
            if (await rows(arrived, ids))[0]["n"] == wanted:
                return

    async def all_seen(self) -> None:
        """Return when every example has seen that every reminder has arrived, or has been waited for in vain."""
        for name in self.trials.keys() - self.left_behind:
            trial = self.trials[name]
            try:
                async with asyncio.timeout(SOON_S):
                    await trial.has_seen_the_end_of(trial.opened + OPENED_BY_THE_EXAMPLE)
            except (TimeoutError, EndedTooSoon):
                self.left_behind.add(name)


async def cut_the_line(ring: Ring) -> None:
    ring.line.cut()
    await ring.open_cases()


async def cut_in_the_middle_of_messages(ring: Ring) -> None:
    ring.line.bytes_until_cut = FEW_BYTES
    ring.line.cut()
    await ring.open_cases()
    await ring.all_seen()
    ring.line.bytes_until_cut = None


async def restart_the_api(ring: Ring) -> None:
    await ring.api.stop()
    await ring.open_cases()
    await ring.all_sent()
    await ring.api.start()


async def kill_the_api(ring: Ring) -> None:
    await ring.open_cases()
    await ring.api.kill()
    await ring.all_sent()
    await ring.api.start()


async def change_the_tokens(ring: Ring) -> None:
    for trial in ring.trials.values():
        await trial.change_token(ring.services)
    await ring.open_cases()


async def freeze_the_line(ring: Ring) -> None:
    ring.line.freeze()
    await ring.open_cases()


async def leave_everything_in_peace(ring: Ring) -> None:
    await ring.open_cases()


DISTURBANCES: list[Callable[[Ring], Awaitable[None]]] = [
    cut_the_line,
    cut_in_the_middle_of_messages,
    restart_the_api,
    cut_the_line,
    kill_the_api,
    change_the_tokens,
    freeze_the_line,
    leave_everything_in_peace,
]


@pytest_asyncio.fixture(scope="module")
async def built() -> str:
    """What relay-compiler and the type checker say, where there is Node."""
    return await npm("run", "build") if why_not_node() is None else ""


@pytest_asyncio.fixture(scope="module")
async def seen(
    built: str, opened: Services, sandbox: SandboxCarrier, api_address: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Seen]:
    """Every example that can be tried here, after all disturbances."""
    sandbox.world.behave(QUICK)
    sandbox.world.switchboard = Switchboard(None)
    async with a_ring(opened, sandbox, api_address, tmp_path_factory.mktemp("examples")) as ring:
        await ring.all_seen()
        for disturb in DISTURBANCES:
            async with asyncio.timeout(SOON_S):
                await disturb(ring)
                await ring.all_sent()
            await ring.trials[KILLED].kill_and_start_again()
            await ring.all_seen()
        async with httpx.AsyncClient(base_url=api_address) as http:
            return {name: await outcome(ring, http, name) for name in ring.trials}


async def outcome(ring: Ring, http: httpx.AsyncClient, name: str) -> Seen:
    trial = ring.trials[name]
    assert trial.running is not None
    if name in ring.left_behind:
        await trial.stop()
    exit_code = await trial.running.end()
    printed = trial.seen()
    return Seen(printed, await trial.listed(ring.services, http), exit_code, await trial.running.problem())


@asynccontextmanager
async def a_ring(services: Services, sandbox: SandboxCarrier, public_url: str, folder: Path) -> AsyncIterator[Ring]:
    settings = {
        "DATABASE_URL": services.settings.database_url or "",
        "REDIS_URL": services.settings.redis_url or "",
        "SECRET_KEYS": base64.b64encode(services.settings.secret_keys[0]).decode(),
        "TWILIO_URL": sandbox.address,
        "PUBLIC_URL": public_url,  # of the API in this process, which nobody disturbs: callbacks come only once
    }
    commands = {"python": python("watch"), KILLED: python("watch")}
    if why_not_node() is None:
        commands |= {name: node(name) for name in NODE}
    until = OPENED_BY_THE_EXAMPLE + len(DISTURBANCES)
    async with AsyncExitStack() as stack:
        api = Api(settings)
        await api.start()
        stack.push_async_callback(api.stop)
        worker = await a_worker(settings)
        stack.push_async_callback(worker.communicate)
        stack.callback(worker.terminate)
        await until_ready(worker)
        line = await stack.enter_async_context(a_line(api.port, seed=1))
        trials: dict[str, Trial] = {}
        for name, command in commands.items():
            place = folder / f"{len(trials)}"
            given = [*command, "--journal", place / "journal"] if command[0] != "node" else command
            trials[name] = await a_trial(services, place, given, line.url, until)
            await trials[name].start()
            stack.push_async_callback(trials[name].stop)
        yield Ring(services, api, line, trials)


@pytest.fixture
def example(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name in NODE and (reason := why_not_node()):
        pytest.skip(reason)
    return name


@pytest.mark.parametrize("example", EXAMPLES, indirect=True)
def test_an_example_sees_every_event_once_and_in_order_whatever_happens_to_its_connection(
    seen: dict[str, Seen], example: str
) -> None:
    ended = [line for line in seen[example].listed if line.endswith("DELIVERED")]

    assert len(ended) == OPENED_BY_THE_EXAMPLE + len(DISTURBANCES)
    assert seen[example].printed == seen[example].listed
    assert (seen[example].exit_code, seen[example].problem) == (0, "")


def test_relay_compiler_takes_the_schema_as_it_is(built: str) -> None:
    if reason := why_not_node():
        pytest.skip(reason)

    assert "Compilation completed" in built
