"""A mutation costs no more SQL statements for fifty rows than for one.

The mutations are those of test_api_refusals.py, which are all that there are.
"""

from base64 import b64encode
from collections import Counter

import httpx
import pytest

from dunlin.api.ids import encode_id
from dunlin.domain import tables
from dunlin.domain.actions.open_cases import open_cases
from dunlin.domain.choices import CaseState, CaseStepState, OptOutSource
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.tables import Account
from dunlin.runtime.wiring import Services
from tests.bank.message import IBAN, Debit, a_bank_file
from tests.build import (
    NOW,
    PHONE,
    SMS,
    a_cycle,
    a_new_case,
    a_received_text,
    a_token,
    a_viewer,
    an_account,
    an_organization,
    connect_sms,
)
from tests.client import JSON, ask, mutate, problems
from tests.delivery import plan
from tests.integration.test_api_refusals import GOOD, Ids, filled
from tests.statements import sent_for

MANY = 50  # as many as a cycle has steps


def returned(count: int) -> str:
    """Return a bank's file in which the first cases come back, and as many debits that nobody knows."""
    known = [Debit(f"INV-{number}", None) for number in range(count)]
    unknown = [Debit(f"E2E-{number}") for number in range(count)]
    return b64encode(a_bank_file("camt.054.001.08", known + unknown)).decode()


# What is given much of, where it is the input that may be long.
MUCH: dict[str, JSON] = {
    "openCollectionCases": {
        "cases": [
            {
                **GOOD["openCollectionCases"]["cases"][0],
                "externalReference": f"NEW-{number}",
                "endToEndId": f"NEW-{number}",
                "customer": {
                    "externalReference": f"NEW-{number}",
                    "name": "Ada",
                    "phone": f"+4477009{number:05}",
                    "mandateReferences": [f"NEW-{number}"],
                },
            }
            for number in range(MANY)
        ]
    },
    "registerMandates": {
        "mandates": [
            {
                "reference": f"MANY-{number}",
                "customer": {"externalReference": f"NEW-{number}", "name": "Ada", "phone": f"+4477009{number:05}"},
            }
            for number in range(MANY)
        ]
    },
    "importBankFile": {"content": returned(MANY)},
    "createCollectionCycle": {"steps": GOOD["createCollectionCycle"]["steps"] * (MANY // 2)},
    "editStep": {"applyToOpenCases": True, "triggerDays": 30},
    "createToken": {"organizationIds": "$organizations"},
    "createOrganization": {"name": "Second"},
    "renameOrganization": {"name": "Third"},
}


@pytest.mark.parametrize("mutation", GOOD)
async def test_a_mutation_costs_no_more_statements_for_much_than_for_little(
    http: httpx.AsyncClient, services: Services, mutation: str
) -> None:
    account = await an_account()
    token = await a_token(services, account)
    few, many = [await _ids(services, account, size, mutation) for size in (1, MANY)]
    while await tables.Token.filter(id=1, last_used_at__isnull=True).exists():
        await ask(http, token, "{ viewer { id } }")  # that it was used is noted once a minute, behind the requests

    little: JSON = {
        "editStep": MUCH["editStep"],
        "importBankFile": {"content": returned(1)},
        "openCollectionCases": {"cases": MUCH["openCollectionCases"]["cases"][:1]},
    }.get(mutation, {})
    one = await cost(http, token, mutation, _input(mutation, few, little))
    fifty = await cost(http, token, mutation, _input(mutation, many, MUCH.get(mutation, {})))

    assert len(fifty) <= len(one), f"besides: {list((Counter(fifty) - Counter(one)).elements())}"


async def cost(http: httpx.AsyncClient, token: str, mutation: str, given: JSON) -> list[str]:
    async with sent_for(http) as statements:
        payload = await mutate(http, token, mutation, "", given)
    assert problems(payload) == []
    return [one.sql[:60] for one in statements]


def _input(mutation: str, ids: Ids, changed: JSON) -> JSON:
    given = filled(mutation, ids, **changed)
    if "idempotencyKey" in given:
        given["idempotencyKey"] += ids["$organization"]  # another one for each call
    if isinstance(given.get("organizationIds"), str):
        given["organizationIds"] = given["organizationIds"].split()
    return given


async def _ids(services: Services, account: Account, size: int, mutation: str) -> Ids:
    """An organization with `size` of everything: also of customers with one number, and of what its first case has."""
    organization = await an_organization(account, name=f"{size} of everything")
    bare = await an_organization(account, name=f"Bare {size}")
    if mutation == "createToken":
        others = [await an_organization(account, name=f"{size} {number}") for number in range(size)]
    else:
        others = [bare]
    await connect_sms(services, organization)
    await tables.CreditorAccount.create(organization_id=organization.id, account=IBAN, key=IBAN)
    cycle = await a_cycle(organization, [SMS] * (size if mutation in ("addStep", "removeStep") else 1))
    if mutation == "addStep" and size > 1:
        await tables.CollectionStep.filter(cycle_id=cycle.id, position=size).delete()
    for _ in range(size - 1):
        await a_cycle(organization)
    opened = await open_cases(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        cycle_id=cycle.id,
        cases=[a_new_case(f"INV-{number}", customer=f"C-{number}") for number in range(size)],
        now=NOW,
    )
    case = opened[0]
    if mutation not in ("editStep", "editCaseStep"):
        await plan(services)
        await _multiply(case, size)
    for number in range(size):
        await a_received_text(services, organization, number=number + size)
    reminder = await tables.Reminder.filter(case_id=case.id).order_by("-resend_number").first()
    await _arrange(mutation, organization, case, reminder)
    text = await tables.InboundText.filter(organization_id=organization.id).order_by("id").first()
    step = await tables.CollectionStep.filter(cycle_id=cycle.id).order_by("position").first()
    case_step = await tables.CaseStep.filter(case_id=case.id).order_by("position").first()
    token = await a_token(services, organization)
    stored = await tables.Token.all().order_by("-id").first()
    assert token
    assert text is not None
    assert step is not None
    assert case_step is not None
    assert stored is not None
    names = {
        "$organization": ("Organization", organization.id),
        "$bare": ("Organization", bare.id),
        "$cycle": ("CollectionCycle", cycle.id),
        "$step": ("CollectionStep", step.id),
        "$case": ("CollectionCase", case.id),
        "$paused case": ("CollectionCase", case.id),
        "$caseStep": ("CaseStep", case_step.id),
        "$customer": ("Customer", case.customer_id),
        "$silent customer": ("Customer", case.customer_id),
        "$inboundText": ("InboundText", text.id),
        "$own token": ("ApiToken", stored.id),
        **{
            f"${kind}reminder": ("Reminder", reminder.id if reminder else 0) for kind in ("", "failed ", "unconfirmed ")
        },
    }
    ids = {name: str(encode_id(kind, number)) for name, (kind, number) in names.items()}
    return ids | {"$organizations": " ".join(encode_id("Organization", other.id) for other in others)}


async def _multiply(case: tables.CollectionCase, size: int) -> None:
    """Give a case `size` reminders that are scheduled, and as many steps ahead."""
    reminder = await tables.Reminder.get(case_id=case.id)
    step = await tables.CaseStep.get(id=reminder.case_step_id)
    for number in range(1, size):
        again, ahead = reminder.clone(), step.clone()
        again.resend_number, ahead.position, ahead.state = number, MANY + number, CaseStepState.PENDING
        await again.save()
        await ahead.save()


async def _arrange(
    mutation: str, organization: tables.Organization, case: tables.CollectionCase, reminder: tables.Reminder | None
) -> None:
    """Bring about what the mutation is for."""
    if mutation in ("confirmReminderSent", "resendReminder"):
        assert reminder is not None
        status = ReminderStatus.UNCONFIRMED if mutation == "confirmReminderSent" else ReminderStatus.FAILED
        await tables.Reminder.filter(id=reminder.id).update(status=status)
    if mutation == "resumeCase":
        await tables.CollectionCase.filter(id=case.id).update(state=CaseState.PAUSED)
    if mutation == "optInCustomer":
        await tables.SmsOptOut.create(
            organization_id=organization.id, phone=PHONE, opted_out_at=NOW, source=OptOutSource.SMS
        )
        await tables.Customer.filter(organization_id=organization.id).update(sms_opted_out_at=NOW)
