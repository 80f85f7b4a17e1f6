"""The same code, pointed to a second carrier by DUNLIN_TWILIO_URL."""

import asyncio
from pathlib import Path

import httpx

from tests.client import graphql
from tests.flow.embedded_run import embedded_run
from tests.flow.other_carrier import SENDER, SID, TOKEN, OtherCarrier
from tests.flow.walk import EDIT_STEP, Walker, a_walker

CONNECT_OWN = """
mutation ($id: ID!, $twilio: TwilioInput!) {
  connectIntegration(input: { organizationId: $id, kind: SMS, twilio: $twilio }) {
    integration { status provider sender } userErrors { code message path }
} }
"""


async def until_delivered(walker: Walker) -> None:
    async with asyncio.timeout(10):
        while "DELIVERED" not in [r["status"] for r in await walker.reminders() if r["to"] == "+447700900123"]:
            pass


async def test_reminders_go_to_the_carrier_that_dunlin_twilio_url_names(var: Path) -> None:
    async with (
        OtherCarrier().serving() as carrier,
        embedded_run(var, DUNLIN_TWILIO_URL=carrier.address) as run,
        httpx.AsyncClient(base_url=run.address, timeout=30) as http,
    ):
        walker = await a_walker(http, run.token)
        wrong = {"accountSid": SID, "authToken": "0" * 32, "sender": {"phoneNumber": SENDER}}
        refused = await graphql(http, run.token, CONNECT_OWN, id=walker.organization_id, twilio=wrong)
        assert refused["data"]["connectIntegration"]["integration"] is None
        assert refused["data"]["connectIntegration"]["userErrors"][0]["code"] == "CREDENTIALS_REJECTED"

        right = {**wrong, "authToken": TOKEN}
        connected = await walker.call(CONNECT_OWN, id=walker.organization_id, twilio=right)
        assert connected["connectIntegration"]["integration"] == {
            "status": "CONNECTED",
            "provider": "TWILIO",
            "sender": SENDER,
        }
        await walker.call(EDIT_STEP, id=walker.step_id, text="Dear {{ customer.name }}, {{ amount }} is due.")
        await walker.open_cases("Ada Reyes")
        await until_delivered(walker)

        assert [(text["To"], text["From"], text["Body"]) for text in carrier.ledger] == [
            ("+447700900123", SENDER, "Dear Ada Reyes, €84.50 is due.")
        ]


async def test_the_operators_own_account_is_used_by_who_brings_none(var: Path) -> None:
    operator = {
        "DUNLIN_TWILIO_ACCOUNT_SID": SID,
        "DUNLIN_TWILIO_AUTH_TOKEN": TOKEN,
        "DUNLIN_TWILIO_SENDER": SENDER,
    }
    async with (
        OtherCarrier().serving() as carrier,
        embedded_run(var, DUNLIN_TWILIO_URL=carrier.address, **operator) as run,
        httpx.AsyncClient(base_url=run.address, timeout=30) as http,
    ):
        walker = await a_walker(http, run.token)
        await walker.connect()
        await walker.open_cases("Ada Reyes")
        await until_delivered(walker)

        assert len(carrier.ledger) == 1
