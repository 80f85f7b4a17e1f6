"""The ground of a run: its organizations, each with SMS connected, a cycle of one SMS step and no limits."""

import json
from pathlib import Path

from dunlin.api.ids import encode_id
from dunlin.domain.store import rows
from dunlin.domain.times import SendingTimes
from dunlin.runtime.database import migrate
from dunlin.runtime.settings import Settings
from dunlin.runtime.wiring import open_services
from tests.build import a_collecting_organization, a_token, an_account


async def prepare(settings: Settings, times: SendingTimes, *, organizations: int, into: str) -> None:
    """Write the ids and a token as JSON to the file `into`; with no organizations, only migrate."""
    assert settings.database_url is not None
    if not organizations:
        await migrate(settings.database_url)
        return
    async with open_services(settings, times) as services:
        account = await an_account()
        grounds = []
        for number in range(organizations):
            organization, cycle = await a_collecting_organization(services, account, name=f"Organization {number}")
            (step,) = await rows("SELECT id FROM collection_step WHERE cycle_id = $1", cycle.id)
            grounds.append(
                {
                    "organization_id": encode_id("Organization", organization.id),
                    "cycle_id": encode_id("CollectionCycle", cycle.id),
                    "step_id": encode_id("CollectionStep", step["id"]),
                }
            )
        token = await a_token(services, account)
    Path(into).write_text(json.dumps({"token": token, "grounds": grounds}))
