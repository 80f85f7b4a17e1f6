"""What a case does about its return reason: remind, ask for a mandate, wait for a person, or never send anything."""

import asyncio
from dataclasses import replace
from datetime import date

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.actions.pause_case import pause_case
from dunlin.domain.actions.resume_cases import resume_case
from dunlin.domain.carrier import Accepted
from dunlin.domain.choices import AuditAction, CaseState, CaseStepState, ReturnReaction
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.rules.return_reason import WHY_DECEASED
from dunlin.domain.tables import AuditEntry, CaseStep, CollectionCase, CollectionCycle, Customer, Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import (
    NONE,
    NOW,
    SMS,
    a_collecting_organization,
    a_cycle,
    a_new_case,
    a_token,
    a_viewer,
    everything_stored,
    open_one,
)
from tests.client import JSON, ask, mutate, problems
from tests.delivery import SID, answer, begin, plan

REASONS = """query ($id: ID!) { organization(id: $id) {
  returnReasons { code meaning reaction usualReaction } } }"""
TEXTS = {
    "en": '{% if reaction == "ASK_FOR_MANDATE" %}Please sign a new mandate.'
    "{% else %}Please pay {{ amount }}.{% endif %}"
}


@pytest_asyncio.fixture
async def organization(services: Services) -> Organization:
    organization, _ = await a_collecting_organization(services)
    return organization


@pytest_asyncio.fixture
async def cycle(organization: Organization) -> CollectionCycle:
    return await a_cycle(organization, [SMS, SMS], texts=TEXTS)


async def resume(services: Services, case: CollectionCase) -> None:
    await resume_case(services.store, a_viewer(await case.organization), case_id=case.id, now=NOW)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("AM04", "Please pay €84.50."),
        ("AC04", "Please sign a new mandate."),
        ("AC06", "Please sign a new mandate."),
        ("MD01", "Please sign a new mandate."),
    ],
)
async def test_a_text_says_what_the_reason_asks_for(
    services: Services, cycle: CollectionCycle, code: str, text: str
) -> None:
    case = await open_one(services, cycle, a_new_case(return_reason_code=code))

    await plan(services)

    assert case.attention_reason is None
    assert (await Reminder.get()).text == text


@pytest.mark.parametrize("code", ["MD06", "MS02", "AM05"])
async def test_a_case_waits_for_a_person_and_reminds_when_they_have_decided(
    services: Services, cycle: CollectionCycle, code: str
) -> None:
    case = await open_one(services, cycle, a_new_case(return_reason_code=code))
    await plan(services)
    reminded = await Reminder.all().count()

    await resume(services, case)
    await plan(services)

    assert (case.state, reminded) == (CaseState.PAUSED, 0)
    assert case.attention_reason == case.pause_reason
    assert case.attention_reason is not None
    assert case.attention_reason.startswith(f"{code}: ")
    resumed = await CollectionCase.get(id=case.id)
    assert (resumed.state, resumed.attention_reason) == (CaseState.ACTIVE, None)
    assert await Reminder.all().count() == 1


async def test_a_reason_that_nobody_knows_is_reminded_and_shown_to_a_person(
    services: Services, cycle: CollectionCycle
) -> None:
    case = await open_one(services, cycle, a_new_case(return_reason_code="XY99"))

    await plan(services)

    assert case.attention_reason == "The return reason XY99 is not known here: a person must look."
    assert (await Reminder.get()).text == "Please pay €84.50."


async def test_when_the_debtor_has_died_every_case_of_theirs_stops_at_once_and_for_good(
    services: Services, cycle: CollectionCycle
) -> None:
    await open_one(services, cycle, a_new_case("INV-1"))
    await open_one(services, cycle, a_new_case("INV-2", customer="C-2", phone="+447700900002"))
    await plan(services)

    told = await open_one(services, cycle, a_new_case("INV-3", return_reason_code="MD07"))
    later = await open_one(services, cycle, a_new_case("INV-4"))
    await plan(services)

    first, other = await CollectionCase.get(number="DC-1"), await CollectionCase.get(number="DC-2")
    for case in (first, told, later):
        assert (case.state, case.attention_reason, case.next_action_at) == (CaseState.PAUSED, WHY_DECEASED, None)
        steps = await CaseStep.filter(case_id=case.id).order_by("position")
        assert [(step.state, step.skipped_reason) for step in steps] == [(CaseStepState.SKIPPED, WHY_DECEASED)] * 2
    reminder = await Reminder.get(case_id=first.id)
    assert (reminder.status, reminder.status_reason) == (ReminderStatus.CANCELED, WHY_DECEASED)
    assert other.state is CaseState.ACTIVE
    assert (await Reminder.get(case_id=other.id)).status is ReminderStatus.SCHEDULED
    assert (await Customer.get(external_reference="C-1")).deceased_at == NOW
    assert (await Customer.get(external_reference="C-2")).deceased_at is None


async def test_a_death_counts_also_where_it_is_told_of_a_case_that_exists(
    services: Services, cycle: CollectionCycle
) -> None:
    case = await open_one(services, cycle, a_new_case("INV-1"))
    await open_one(services, cycle, a_new_case("INV-2"))
    await plan(services)

    told = await open_one(services, cycle, a_new_case("INV-1", return_reason_code="MD07"))

    assert (told.id, told.state, told.pause_reason) == (case.id, CaseState.PAUSED, WHY_DECEASED)
    assert {one.state for one in await CollectionCase.all()} == {CaseState.PAUSED}
    assert {reminder.status for reminder in await Reminder.all()} == {ReminderStatus.CANCELED}
    assert (await AuditEntry.get(action=AuditAction.CUSTOMER_DECEASED)).subject == f"Customer:{case.customer_id}"

    before = await everything_stored()
    await open_one(services, cycle, a_new_case("INV-1", return_reason_code="MD07"))
    assert await everything_stored() == before


async def test_a_refund_waits_for_a_person(services: Services, cycle: CollectionCycle) -> None:
    case = await open_one(services, cycle, replace(a_new_case(return_reason_code="MD01"), is_refund=True))

    assert (case.state, case.reaction, case.attention_reason) == (
        CaseState.PAUSED,
        ReturnReaction.PERSON_FIRST,
        "MD01: There is no valid mandate. The debtor had it refunded. "
        "A person decides first; resume the case to let its reminders go.",
    )


async def test_who_pauses_a_case_that_waits_for_a_person_has_looked(services: Services, cycle: CollectionCycle) -> None:
    case = await open_one(services, cycle, a_new_case(return_reason_code="MD06"))

    viewer = a_viewer(await case.organization)
    paused = await pause_case(
        services.store, viewer, case_id=case.id, reason="Promised to pay", until=date(2026, 4, 1), now=NOW
    )

    assert (paused.attention_reason, paused.pause_reason) == (None, "Promised to pay")


async def test_a_person_cannot_get_a_text_sent_to_the_dead(services: Services, cycle: CollectionCycle) -> None:
    case = await open_one(services, cycle, a_new_case(return_reason_code="MD07"))

    await resume(services, case)
    await plan(services)

    assert await Reminder.all().count() == 0


async def test_what_was_planned_at_the_same_moment_is_not_sent_to_the_dead(
    services: Services, cycle: CollectionCycle
) -> None:
    await open_one(services, cycle)
    await plan(services)
    await Customer.all().update(deceased_at=NOW)  # told between planning and sending

    assert await begin(services) == []

    reminder = await Reminder.get()
    assert (reminder.status, reminder.status_reason) == (ReminderStatus.CANCELED, WHY_DECEASED)


async def test_the_death_is_reported_only_when_nothing_is_on_its_way_out(
    services: Services, cycle: CollectionCycle
) -> None:
    await open_one(services, cycle, a_new_case("INV-1"))
    await plan(services)
    handovers = await begin(services)

    telling = asyncio.create_task(open_one(services, cycle, a_new_case("INV-2", return_reason_code="MD07")))
    async with asyncio.timeout(5):
        while not await Customer.filter(deceased_at__isnull=False).exists():  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert not telling.done()
    await answer(services, handovers, Accepted(SID))
    await telling

    assert (await Reminder.get()).status is ReminderStatus.SENT


async def choose(
    http: httpx.AsyncClient, token: str, organization: Organization, code: str, reaction: str | None
) -> JSON:
    given = {"organizationId": encode_id("Organization", organization.id), "code": code, "reaction": reaction}
    shown = "organization { returnReasons { code reaction usualReaction } }"
    return await mutate(http, token, "setReturnReason", shown, given)


async def test_an_organization_chooses_and_goes_back(
    http: httpx.AsyncClient, services: Services, organization: Organization, cycle: CollectionCycle
) -> None:
    token = await a_token(services, organization)
    _, its_cycle = await a_collecting_organization(services, name="Beside")

    chosen = await choose(http, token, organization, "AM04", "PERSON_FIRST")
    waiting = await open_one(services, cycle, a_new_case("INV-1", return_reason_code="AM04"))
    elsewhere = await open_one(services, its_cycle, a_new_case("INV-1", return_reason_code="AM04"))
    own = await choose(http, token, organization, "XY99", "NEVER")
    never = await open_one(services, cycle, a_new_case("INV-2", return_reason_code="XY99"))
    await resume(services, never)
    back = await choose(http, token, organization, "AM04", None)
    reminding = await open_one(services, cycle, a_new_case("INV-3", return_reason_code="AM04"))
    await plan(services)

    assert [problems(payload) for payload in (chosen, own, back)] == [[], [], []]
    am04 = {"code": "AM04", "reaction": "PERSON_FIRST", "usualReaction": "REMIND"}
    assert am04 in chosen["organization"]["returnReasons"]
    assert {"code": "XY99", "reaction": "NEVER", "usualReaction": "REMIND"} in back["organization"]["returnReasons"]
    assert {**am04, "reaction": "REMIND"} in back["organization"]["returnReasons"]
    states = [case.state for case in (waiting, elsewhere, reminding)]
    assert states == [CaseState.PAUSED, CaseState.ACTIVE, CaseState.ACTIVE]
    assert {row.case_id for row in await Reminder.all()} == {elsewhere.id, reminding.id}
    skipped = await CaseStep.filter(case_id=never.id).order_by("position").first()
    assert skipped is not None
    assert skipped.skipped_reason == "No reminder is ever sent for a case with the return reason XY99."


@pytest.mark.parametrize("code", ["MD07", "am04", ""])
async def test_what_cannot_be_chosen_is_refused(
    http: httpx.AsyncClient, services: Services, organization: Organization, code: str
) -> None:
    token = await a_token(services, organization)

    assert problems(await choose(http, token, organization, code, "REMIND")) == [("INVALID", "code")]


async def test_every_reason_can_be_read_with_its_meaning(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    token = await a_token(services, organization)

    data = await ask(http, token, REASONS, id=encode_id("Organization", organization.id))

    reasons = {reason["code"]: reason for reason in data["organization"]["returnReasons"]}
    assert len(reasons) == 23
    assert reasons["MD06"] == {
        "code": "MD06",
        "meaning": "The debtor asked for the money back.",
        "reaction": "PERSON_FIRST",
        "usualReaction": "PERSON_FIRST",
    }


async def test_a_step_without_a_method_still_sends_nothing_after_a_person_has_decided(
    services: Services, organization: Organization
) -> None:
    case = await open_one(services, await a_cycle(organization, [NONE]), a_new_case(return_reason_code="MD06"))

    await resume(services, case)
    await plan(services)

    assert (await CollectionCase.get(id=case.id)).state is CaseState.CLOSED
