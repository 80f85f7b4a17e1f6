"""The ground of a run: its organizations, each with SMS connected and no limits.

In their cycles a silent step follows the SMS step, so that no case is over because its reminder has arrived.
"""

import json
from pathlib import Path

from dunlin.api.ids import encode_id
from dunlin.domain.store import rows
from dunlin.domain.times import SendingTimes
from dunlin.runtime.database import migrate
from dunlin.runtime.settings import Settings
from dunlin.runtime.wiring import open_services
from tests.build import NONE, SMS, a_cycle, a_token, an_account, an_organization, connect_sms


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
            organization = await an_organization(account, name=f"Organization {number}")
            await connect_sms(services, organization)
            cycle = await a_cycle(organization, (SMS, NONE), days=(7, 30))
            step = (await rows("SELECT id FROM collection_step WHERE cycle_id = $1 AND position = 1", cycle.id))[0]
            grounds.append(
                {
                    "organization_id": encode_id("Organization", organization.id),
                    "cycle_id": encode_id("CollectionCycle", cycle.id),
                    "step_id": encode_id("CollectionStep", step["id"]),
                }
            )
        token = await a_token(services, account)
    Path(into).write_text(json.dumps({"token": token, "grounds": grounds}))
