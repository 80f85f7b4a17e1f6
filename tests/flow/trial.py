"""An example at work in an organization of its own, and what is done to it meanwhile."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx

from dunlin.api.ids import encode_id
from dunlin.domain.store import rows
from dunlin.domain.tables import CollectionCycle, Organization, Token
from dunlin.domain.viewer import PREFIX_LENGTH
from dunlin.runtime.wiring import Services
from tests.build import a_collecting_organization, a_new_case, a_token, an_account, an_organization, open_one
from tests.client import ask
from tests.flow.examples import Running, start
from tests.flow.test_api_process import answer_of
from tests.ports import free_ports

OPENED_BY_THE_EXAMPLE = 2
EVENTS = """query ($id: ID!, $after: String) { organization(id: $id) { deliveryEvents(first: 5, after: $after) {
  nodes { cursor status } pageInfo { hasNextPage endCursor }
} } }"""


class Api:
    """An API process that can be ended and comes back on the same port."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.port = free_ports(2)
        self._settings = {**settings, "PORT": str(self.port)}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dunlin", "api"),
            env={**os.environ, **{f"DUNLIN_{name}": value for name, value in self._settings.items()}},
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}") as http:
            assert (await answer_of(http)).status_code == 200

    async def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()


@dataclass(slots=True)
class Trial:
    organization: Organization
    cycle: CollectionCycle
    folder: Path
    command: Sequence[str | Path]
    opened: int = 0
    running: Running | None = None

    async def start(self) -> None:
        self.running = await start(self.command)

    async def stop(self) -> None:
        if self.running is not None and self.running.process.returncode is None:
            await self.running.kill()

    async def kill_and_start_again(self) -> None:
        await self.stop()
        await self.start()

    def journaled(self) -> list[str]:
        """Return what the example has written into its journal, as it prints it."""
        events = [json.loads(line) for line in (self.folder / "journal").read_text().splitlines()]
        return [f"{event['cursor']} {event['status']}" for event in events if "status" in event]

    async def has_seen_the_end_of(self, reminders: int) -> None:
        assert self.running is not None
        await self.running.until(lambda: sum(line.endswith("DELIVERED") for line in self.seen()) >= reminders)

    def seen(self) -> list[str]:
        """Return what it has seen, also before it was last killed, if it keeps a journal."""
        assert self.running is not None
        return self.journaled() if (self.folder / "journal").exists() else self.running.said

    async def change_token(self, services: Services) -> None:
        """Put another token where the example looks for it, and revoke the one that it has."""
        token = await a_token(services, self.organization)
        (self.folder / "token").write_text(token)
        others = Token.filter(account_id=self.organization.account_id, revoked_at=None).exclude(
            prefix=token[:PREFIX_LENGTH]
        )
        await others.update(revoked_at=datetime.now(UTC))

    async def uses_its_token(self) -> None:
        """Return when the token that lies there now has been used."""
        prefix = (self.folder / "token").read_text()[:PREFIX_LENGTH]
        while not await Token.filter(prefix=prefix, last_used_at__isnull=False).exists():
            pass

    async def open_case(self, services: Services) -> None:
        self.opened += 1
        reference = f"meanwhile-{self.opened}"
        await open_one(services, self.cycle, a_new_case(reference, customer=reference), now=datetime.now(UTC))

    async def paid(self) -> list[Decimal]:
        """Return what has been paid for each case that the example has opened, if anything was."""
        opened = "organization_id = $1 AND external_reference NOT LIKE 'meanwhile%'"
        found = await rows(
            "SELECT coalesce((SELECT sum(p.amount) FROM payment p WHERE p.case_id = c.id), 0) AS paid"
            f" FROM collection_case c WHERE {opened}",
            self.organization.id,
        )
        return [row["paid"] for row in found]

    async def listed(self, services: Services, http: httpx.AsyncClient) -> list[str]:
        """Return all that has happened in the organization, as the API lists it."""
        token = await a_token(services, self.organization)
        lines: list[str] = []
        after = None
        while True:
            found = await ask(http, token, EVENTS, id=encode_id("Organization", self.organization.id), after=after)
            page = found["organization"]["deliveryEvents"]
            lines += [f"{event['cursor']} {event['status']}" for event in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                return lines
            after = page["pageInfo"]["endCursor"]


async def a_trial(services: Services, folder: Path, command: Sequence[str | Path], url: str, until: int) -> Trial:
    """Arrange for an example that watches the last of three organizations until so many reminders have ended."""
    account = await an_account()
    for name in ("Gas", "Power"):
        await an_organization(account, name=name)
    organization, cycle = await a_collecting_organization(services, account)
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(await a_token(services, organization))
    options: list[str | Path] = [
        *("--url", url),
        *("--token", folder / "token"),
        *("--organization", organization.name),
        *("--open", str(OPENED_BY_THE_EXAMPLE)),
        *("--until", str(until)),
    ]
    if command[0] != "node":
        options += ["--journal", folder / "journal"]
    return Trial(organization, cycle, folder, [*command, *options])
