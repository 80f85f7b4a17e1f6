"""An e-mail step on the embedded run: to SENT, to a bounce, and to an opt-out by one click from the outbox."""

import asyncio
from pathlib import Path

import httpx

from tests.client import JSON
from tests.flow.embedded_run import embedded_run
from tests.flow.walk import Walker, a_walker

SOON_S = 20
CONNECT = """mutation ($id: ID!) { connectIntegration(input: { organizationId: $id, kind: EMAIL }) {
  integration { status provider sender } userErrors { code message } } }"""
EDIT_STEP = """mutation ($id: ID!, $mails: [LocalizedEmailInput!]) {
  editStep(input: { stepId: $id, communicationMethod: EMAIL, emailTexts: $mails }) {
    step { communicationMethod emailTexts { language subject body } } userErrors { code message } } }"""
OPEN = """mutation ($input: OpenCollectionCasesInput!) { openCollectionCases(input: $input) {
  cases { id } userErrors { code message path } } }"""
REMINDER = """query ($id: ID!) { node(id: $id) { ... on CollectionCase { attentionReason
  customer { emailOptedOutAt emailProblem { kind } }
  steps { reminder { status subject errorCode providerMessageId events { status } } } } } }"""
MAILS = [{"language": "en", "subject": "Invoice {{ reference }}", "body": "Dear {{ customer.name }},\n\nplease pay."}]


async def test_an_e_mail_step_runs_to_sent_to_a_bounce_and_to_an_opt_out(var: Path) -> None:
    async with embedded_run(var) as run, httpx.AsyncClient(base_url=run.address, timeout=30) as http:
        walker = await a_walker(http, run.token)
        await walker.call(CONNECT, id=walker.organization_id)
        await walker.call(EDIT_STEP, id=walker.step_id, mails=MAILS)
        opened = {name: await open_case(walker, name) for name in ("ada", "bounce", "silent")}

        arrived = await until(walker, opened["ada"], "SENT")
        bounced = await until(walker, opened["bounce"], "UNDELIVERED")

        assert [event["status"] for event in arrived["events"]] == ["SCHEDULED", "SENDING", "SENT"]
        assert arrived["subject"] == "Invoice MAIL-ada"
        assert [event["status"] for event in bounced["events"]] == ["SCHEDULED", "SENDING", "SENT", "UNDELIVERED"]
        assert bounced["errorCode"] == 550
        doubtful = await until(walker, opened["silent"], "UNCONFIRMED")  # the server took it, and said nothing
        assert [event["status"] for event in doubtful["events"]] == ["SCHEDULED", "SENDING", "UNCONFIRMED"]
        case = (await walker.call(REMINDER, id=opened["bounce"]))["node"]
        assert case["customer"]["emailProblem"] == {"kind": "INVALID"}
        assert case["attentionReason"].startswith("The e-mail address must be corrected: ")

        (mail,) = (await http.get(run.outbox, params={"to": "ada@example.com"})).json()["messages"]
        assert mail["body"].startswith("Dear ada,")
        assert (await http.post(mail["unsubscribe_url"])).status_code == 200
        case = (await walker.call(REMINDER, id=opened["ada"]))["node"]
        assert case["customer"]["emailOptedOutAt"] is not None


async def open_case(walker: Walker, name: str) -> str:
    case = {
        "externalReference": f"MAIL-{name}",
        "customer": {
            "externalReference": f"C-{name}",
            "name": name,
            "language": "en",
            "email": f"{name}@example.com",
        },
        "amountDue": {"amount": "84.50", "currency": "EUR"},
        "dueOn": "2026-01-15",
    }
    given = {"organizationId": walker.organization_id, "cycleId": walker.cycle_id, "cases": [case]}
    data = await walker.call(OPEN, input=given)
    case_id: str = data["openCollectionCases"]["cases"][0]["id"]
    return case_id


async def until(walker: Walker, case_id: str, status: str) -> JSON:
    """Return the reminder of a case's first step when it has this status."""
    async with asyncio.timeout(SOON_S):
        while True:
            case = (await walker.call(REMINDER, id=case_id))["node"]
            reminder: JSON | None = case["steps"][0]["reminder"]
            if reminder is not None and reminder["status"] == status:
                return reminder
            await asyncio.sleep(0.1)
