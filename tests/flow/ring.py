"""All examples at work at once, and what happens to their connections and to the API meanwhile."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from dunlin.domain.store import rows
from dunlin.runtime.wiring import Services
from tests.conftest import SandboxCarrier
from tests.flow.examples import NODE, EndedTooSoon, node, python, why_not_node
from tests.flow.line import Line, a_line
from tests.flow.test_two_of_each import a_worker, until_ready
from tests.flow.trial import OPENED_BY_THE_EXAMPLE, Api, Trial, a_trial

KILLED = "python, killed again and again"
SOON_S = 90
FEW_BYTES = (450, 2_500)  # what opens a WebSocket takes some 200, an event some 300


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


CASES_OPENED_WHILE_CUT = 3


async def cut_the_line(ring: Ring) -> None:
    ring.line.cut()
    await ring.open_cases()


async def cut_in_the_middle_of_messages(ring: Ring) -> None:
    ring.line.bytes_until_cut = FEW_BYTES
    ring.line.cut()
    for _ in range(CASES_OPENED_WHILE_CUT):
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
    for trial in ring.trials.values():
        await trial.uses_its_token()


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
OPENED_MEANWHILE = len(DISTURBANCES) - 1 + CASES_OPENED_WHILE_CUT


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
    until = OPENED_BY_THE_EXAMPLE + OPENED_MEANWHILE
    async with AsyncExitStack() as stack:
        api = Api(settings)
        await api.start()
        stack.push_async_callback(api.stop)
        worker = await a_worker(settings)
        stack.push_async_callback(worker.communicate)
        stack.callback(worker.terminate)
        await until_ready(worker)
        line = await stack.enter_async_context(a_line(api.port, seed=1))
        line.bytes_until_cut = FEW_BYTES  # from the beginning: answers break off, and what they tell of has been done
        trials: dict[str, Trial] = {}
        for name, command in commands.items():
            trials[name] = await a_trial(services, folder / f"{len(trials)}", command, line.url, until)
            await trials[name].start()
            stack.push_async_callback(trials[name].stop)
        yield Ring(services, api, line, trials)
