"""What a debtor answers, on the embedded run: from the form in the outbox to the customer."""

import asyncio
from pathlib import Path

import httpx

from tests.client import JSON, acknowledged
from tests.flow.embedded_run import embedded_run
from tests.flow.walk import WATCH, Walker, a_walker

PHONE = "+447700900321"  # reserved for fiction
SOON_S = 20
CUSTOMER = """
query ($id: ID!, $reference: String!) { organization(id: $id) {
  collectionCases(filter: { customerReference: $reference }) { nodes { customer { smsOptOut { source text } } } }
} }
"""


async def test_who_answers_stop_in_the_outbox_is_texted_no_more(var: Path) -> None:
    async with embedded_run(var) as run, httpx.AsyncClient(base_url=run.address, timeout=30) as http:
        walker = await a_walker(http, run.token)
        await walker.connect()
        await delivered(walker, run.address, "Dana Petrov")
        [message] = (await http.get(run.outbox, params={"to": PHONE})).json()["messages"]

        form = {"reply_to": message["sid"], "body": "Please stop texting me"}
        await http.post(run.outbox.replace("/outbox.json", "/sandbox/inbound"), data=form)

        assert await opt_out(walker, "Dana Petrov") == {"source": "SMS", "text": "Please stop texting me"}
        await walker.open_cases("Her sister", phone=PHONE)
        assert await opt_out(walker, "Her sister") is not None
        assert len((await http.get(run.outbox, params={"to": PHONE})).json()["messages"]) == 1


async def delivered(walker: Walker, address: str, reference: str) -> None:
    """Open a case and wait until its reminder has arrived."""
    async with acknowledged(address, walker.token) as socket, asyncio.timeout(SOON_S):
        await socket.subscribe(WATCH, id=walker.organization_id)
        await walker.open_cases(reference, phone=PHONE)
        while (await socket.receive())["payload"]["data"]["deliveryStatus"]["status"] != "DELIVERED":
            continue


async def opt_out(walker: Walker, reference: str) -> JSON | None:
    """Return the refusal that is in force for a customer, as soon as there is one."""
    async with asyncio.timeout(SOON_S):
        while True:
            data = await walker.call(CUSTOMER, id=walker.organization_id, reference=reference)
            found: JSON | None = data["organization"]["collectionCases"]["nodes"][0]["customer"]["smsOptOut"]
            if found is not None:
                return found
            await asyncio.sleep(0.05)
