"""While one organization is being disconnected, nobody else waits: not even in its own account."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from tortoise.transactions import in_transaction

from dunlin.api.ids import encode_id
from dunlin.domain.actions.claim_reminders import claim_reminders
from dunlin.domain.actions.deliver import Handover
from dunlin.domain.actions.destroy_credentials import destroy_credentials
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.plan_reminders import plan_reminders
from dunlin.domain.actions.resume_cases import resume_cases
from dunlin.domain.actions.sweep import sweep_sending
from dunlin.domain.carrier import Accepted, Fault, Refused, Throttled
from dunlin.domain.choices import CaseState, IntegrationKind
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import Store, rows
from dunlin.domain.tables import (
    CaseStep,
    CollectionCase,
    CollectionCycle,
    CollectionStep,
    Connection,
    Organization,
    Reminder,
)
from dunlin.jobs.price_keeper import PriceKeeper
from dunlin.runtime.wiring import Services
from tests.build import (
    NONE,
    NOW,
    SMS,
    a_cycle,
    a_new_case,
    a_token,
    a_viewer,
    an_account,
    an_organization,
    connect_sms,
    open_one,
)
from tests.client import JSON, ask, mutate, problems
from tests.delivery import answer, begin, mark, plan
from tests.integration.test_api_webhooks import deliver, path_of, report
from tests.integration.test_deliverer import delivering
from tests.scripted_channel import ScriptedChannel

Status = ReminderStatus

PATIENCE_S = 3.0
EVERYTHING = """{ viewer { name } organizations { nodes {
  name integrations { status disconnectImpact { steps cases reminders } pricing { prices { country } } }
  collectionCycles { nodes { steps { name smsCosts { worst { segments } } } } }
  collectionCases { totalCount nodes { state customer { name } steps { state reminder { status } } } }
  reminders { totalCount nodes { status events { status } } }
  deliveryEvents { nodes { status } }
  forecast { days { date } } spending { left { amount } }
} } }"""


class Told:
    """A bell that says when a transaction has done all of its statements, though it is not committed yet."""

    def __init__(self) -> None:
        self.done = asyncio.Event()

    def wake_planner(self) -> None: ...

    def wake_deliverer(self) -> None: ...

    def announce(self, organization_ids: Collection[int]) -> None:
        self.done.set()


@dataclass
class World:
    """Two organizations of one account, alike: each has a case at every stage and one that is due."""

    services: Services
    http: httpx.AsyncClient
    token: str
    leaving: Organization
    staying: Organization
    fresh: Organization  # never connected
    cycle: CollectionCycle  # of the one that stays
    sending: Handover
    sent: Handover

    @asynccontextmanager
    async def disconnecting(self) -> AsyncIterator[None]:
        """The one that leaves is being disconnected: everything is done and nothing is committed."""
        bell = Told()
        task = asyncio.create_task(self._disconnect(Store(bell)))
        async with asyncio.timeout(10):
            await bell.done.wait()
        try:
            yield
            assert not task.done(), "the disconnect was to be under way all the time"
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _disconnect(self, store: Store) -> None:
        async with in_transaction():  # the action's own becomes a part of this one, which is rolled back in the end
            await disconnect_integration(
                store,
                a_viewer(self.leaving),
                organization_id=self.leaving.id,
                kind=IntegrationKind.SMS,
                confirmed=True,
                impact_token=None,
                now=NOW,
            )
            await asyncio.Event().wait()

    async def change(self, field: str, **given: object) -> None:
        payload = await mutate(self.http, self.token, field, "", given)
        assert problems(payload) == [], payload

    async def case(self, reference: str) -> CollectionCase:
        return await CollectionCase.get(organization_id=self.staying.id, external_reference=reference)

    async def reminders(self, status: ReminderStatus) -> list[Reminder]:
        return await Reminder.filter(organization_id=self.staying.id, status=status).order_by("scheduled_for")


async def a_busy_cycle(services: Services, organization: Organization) -> CollectionCycle:
    await connect_sms(services, organization)
    cycle = await a_cycle(organization, [SMS, SMS, NONE])
    for place in range(4):
        await open_one(services, cycle, a_new_case(f"INV-{place}", customer=f"C-{place}"))
    return cycle


@pytest_asyncio.fixture
async def world(services: Services, http: httpx.AsyncClient) -> World:
    account = await an_account()
    leaving, staying, fresh = [await an_organization(account, name=name) for name in ("Leaving", "Staying", "Fresh")]
    cycles = [await a_busy_cycle(services, organization) for organization in (leaving, staying)]
    await plan(services, NOW)
    ours, theirs = [sorted(group, key=by_reminder) for group in by_organization(await begin(services))]
    sent, sending, soon, later = zip(ours, theirs, strict=True)
    await answer(services, list(sent), lambda place: Accepted(f"SM{place:032x}"))
    await answer(services, [*soon, *later], Throttled(timedelta(days=1)))
    await rows("UPDATE reminder SET scheduled_for = now() WHERE id = ANY($1)", [one.reminder_id for one in soon])
    for cycle in cycles:
        await open_one(services, cycle, a_new_case("INV-DUE", customer="C-DUE"))
    token = await a_token(services, account)
    return World(services, http, token, leaving, staying, fresh, cycles[1], sending=sending[1], sent=sent[1])


def by_reminder(handover: Handover) -> int:
    return handover.reminder_id


def by_organization(handovers: list[Handover]) -> list[list[Handover]]:
    found = sorted({handover.organization_id for handover in handovers})
    return [[one for one in handovers if one.organization_id == organization_id] for organization_id in found]


async def reads(world: World) -> None:
    data = await ask(world.http, world.token, EVERYTHING)
    seen = {one["name"]: one["integrations"][0]["status"] for one in data["organizations"]["nodes"]}
    assert seen == {"Leaving": "CONNECTED", "Staying": "CONNECTED", "Fresh": "DISCONNECTED"}


async def connects(world: World) -> None:
    await world.change("connectIntegration", organizationId=encode_id("Organization", world.fresh.id), kind="SMS")


async def disconnects(world: World) -> None:
    await answer(world.services, [world.sending], Accepted("SM" + "e" * 32))  # or it would wait for that
    given: JSON = {"organizationId": encode_id("Organization", world.staying.id), "kind": "SMS", "confirmed": True}
    await world.change("disconnectIntegration", **given)


async def edits_a_step_with_its_open_cases(world: World) -> None:
    step = await CollectionStep.get(cycle_id=world.cycle.id, position=2)
    await world.change(
        "editStep",
        stepId=encode_id("CollectionStep", step.id),
        name="Again",
        triggerDays=9,
        communicationMethod="SMS",
        smsTexts=[{"language": "en", "text": "Please pay."}],
        applyToOpenCases=True,
    )
    assert await CaseStep.filter(step_id=step.id, name="Again").count() == 5


async def makes_adds_and_removes_steps(world: World) -> None:
    step = {"name": "New", "triggerDays": 1}
    organization = encode_id("Organization", world.staying.id)
    await world.change("createCollectionCycle", organizationId=organization, name="New", steps=[step])
    await world.change("addStep", cycleId=encode_id("CollectionCycle", world.cycle.id), step=step, position=1)
    added = await CollectionStep.get(cycle_id=world.cycle.id, position=1)
    await world.change("removeStep", stepId=encode_id("CollectionStep", added.id))


async def chooses_another_method_for_one_case(world: World) -> None:
    step = await CaseStep.filter(organization_id=world.staying.id, state="PENDING").order_by("-position").first()
    assert step is not None
    await world.change("editCaseStep", caseStepId=encode_id("CaseStep", step.id), communicationMethod="SMS")


async def opens_cases(world: World) -> None:
    case = a_new_case("INV-NEW", customer="C-0", phone="+33612345678")
    opened = await open_one(world.services, world.cycle, case)
    assert opened.external_reference == "INV-NEW"


async def changes_its_settings(world: World) -> None:
    organization = encode_id("Organization", world.staying.id)
    days = ["MONDAY"]
    await world.change(
        "updateSendingPolicy", organizationId=organization, windowStart="08:00", windowEnd="12:00", days=days
    )
    await world.change("renameOrganization", organizationId=organization, name="Renamed")


async def makes_and_revokes_a_token(world: World) -> None:
    await world.change("createToken", name="New", permissions=["READ"], days=1)
    await world.change("revokeToken", tokenId=encode_id("ApiToken", 2))


async def makes_and_closes_an_organization(world: World) -> None:
    given = {"country": "BE", "timeZone": "Europe/Brussels", "defaultLanguage": "nl"}
    await world.change("createOrganization", name="New", **given)
    await world.change("closeOrganization", organizationId=encode_id("Organization", world.fresh.id), confirmed=True)


async def takes_a_payment(world: World) -> None:
    case = await world.case("INV-2")
    money = {"amount": "10.00", "currency": "EUR"}
    await world.change("recordPayment", caseId=encode_id("CollectionCase", case.id), amount=money)


async def pauses_resumes_and_closes_a_case(world: World) -> None:
    given: JSON = {"caseId": encode_id("CollectionCase", (await world.case("INV-2")).id)}
    await world.change("pauseCase", **given)
    await world.change("resumeCase", **given)
    await world.change("closeCase", **given)


async def cancels_a_reminder_and_sends_another_again(world: World) -> None:
    scheduled = await world.reminders(Status.SCHEDULED)
    await world.change("cancelReminder", reminderId=encode_id("Reminder", scheduled[0].id))
    await answer(world.services, [world.sending], Refused(21614, Fault.RECIPIENT, "Not a mobile number."))
    await world.change("resendReminder", reminderId=encode_id("Reminder", world.sending.reminder_id))


async def sets_a_reaction(world: World) -> None:
    organization = encode_id("Organization", world.staying.id)
    await world.change("setReturnReason", organizationId=organization, code="AM04", reaction="REMIND")


async def limits_its_spending(world: World) -> None:
    organization = encode_id("Organization", world.staying.id)
    await world.change("setSpendingLimit", organizationId=organization, limit={"amount": "50.00", "currency": "USD"})
    await has_its_prices_fetched(world)
    await is_claimed_and_marked(world)
    await has_an_acceptance_recorded(world)


async def is_planned(world: World) -> None:
    assert await plan(world.services, NOW) == 1
    assert (await Reminder.get(case_id=(await world.case("INV-DUE")).id)).status is Status.SCHEDULED


async def is_claimed_and_marked(world: World) -> None:
    claims = await claim_reminders(world.services.store, limit=50)
    assert [claim.reminder_id for claim in claims] == [(await world.reminders(Status.SCHEDULED))[0].id]
    assert len(await mark(world.services, claims, datetime.now(UTC))) == 1


async def has_an_acceptance_recorded(world: World) -> None:
    await answer(world.services, [world.sending], Accepted("SM" + "e" * 32))
    assert (await Reminder.get(id=world.sending.reminder_id)).status is Status.SENT


async def has_a_throttling_recorded(world: World) -> None:
    await answer(world.services, [world.sending], Throttled(timedelta(hours=1)))
    assert (await Reminder.get(id=world.sending.reminder_id)).status is Status.SCHEDULED


async def has_its_account_refused(world: World) -> None:
    await answer(world.services, [world.sending], Refused(20003, Fault.CREDENTIALS, "No such account."))
    assert (await Reminder.get(id=world.sending.reminder_id)).status is not Status.SENDING


async def is_called_back(world: World) -> None:
    fields = report(MessageSid=(await Reminder.get(id=world.sent.reminder_id)).provider_message_id or "")
    received = await deliver(world.http, path_of(world.sent), fields)
    assert received.status_code == 204
    assert (await Reminder.get(id=world.sent.reminder_id)).status is Status.DELIVERED


async def has_its_prices_fetched(world: World) -> None:
    await PriceKeeper(world.services).refresh(datetime.now(UTC))
    prices = await rows("SELECT 1 FROM sms_price WHERE organization_id = $1 AND price > 0", world.staying.id)
    assert len(prices) == 2


ACTS = [
    reads,
    connects,
    disconnects,
    edits_a_step_with_its_open_cases,
    makes_adds_and_removes_steps,
    chooses_another_method_for_one_case,
    opens_cases,
    changes_its_settings,
    makes_and_revokes_a_token,
    makes_and_closes_an_organization,
    takes_a_payment,
    pauses_resumes_and_closes_a_case,
    cancels_a_reminder_and_sends_another_again,
    sets_a_reaction,
    limits_its_spending,
    is_planned,
    is_claimed_and_marked,
    has_an_acceptance_recorded,
    has_a_throttling_recorded,
    has_its_account_refused,
    is_called_back,
    has_its_prices_fetched,
]


@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__.replace("_", " "))
async def test_while_one_organization_is_being_disconnected_another_one(
    world: World, act: Callable[[World], Awaitable[None]]
) -> None:
    async with world.disconnecting(), asyncio.timeout(PATIENCE_S):
        await act(world)


async def test_claims_of_both_are_marked_for_the_one_that_stays(world: World) -> None:
    claims = await claim_reminders(world.services.store, limit=50)
    assert len(claims) == 2

    async with world.disconnecting(), asyncio.timeout(PATIENCE_S):
        marked = await mark(world.services, claims, datetime.now(UTC))

    assert [handover.organization_id for handover in marked] == [world.staying.id]


async def test_answers_of_both_that_come_at_once_are_recorded_for_the_one_that_stays(world: World) -> None:
    channel = ScriptedChannel()
    channel.may_answer.clear()
    async with delivering(world.services, channel):
        while len(channel.taken) < 2:
            await asyncio.wait_for(channel.called.wait(), PATIENCE_S)
            channel.called.clear()
        async with world.disconnecting(), asyncio.timeout(PATIENCE_S):
            channel.may_answer.set()
            while len(await world.reminders(Status.SENT)) < 2:
                pass

    assert await Reminder.filter(status=Status.SENT).count() == 4  # theirs as soon as that was possible


async def test_handovers_of_both_that_broke_off_are_found_for_the_one_that_stays(world: World) -> None:
    await rows("UPDATE reminder SET lease_until = now() - interval '1 minute' WHERE status = 'SENDING'")

    async with world.disconnecting(), asyncio.timeout(PATIENCE_S):
        assert await sweep_sending(world.services.store, datetime.now(UTC)) == 1

    assert len(await world.reminders(Status.UNCONFIRMED)) == 1


async def test_pauses_of_both_that_are_over_end_for_the_one_that_stays(world: World) -> None:
    await rows(
        "UPDATE collection_case SET state = 'PAUSED', paused_at = now(), paused_until = '2026-01-01',"
        " next_action_at = NULL WHERE external_reference = 'INV-DUE'"
    )

    async with world.disconnecting(), asyncio.timeout(PATIENCE_S):
        assert await resume_cases(world.services.store, NOW) == 1

    assert (await world.case("INV-DUE")).state is CaseState.ACTIVE


async def test_former_keys_of_both_are_destroyed_for_the_one_that_stays(world: World) -> None:
    await rows("UPDATE integration SET status = 'NEEDS_ATTENTION'")
    for organization in (world.leaving, world.staying):
        await connect_sms(world.services, organization)  # anew: the keys of before are former ones
    await rows("UPDATE connection SET created_at = created_at - interval '1 year'")

    async with world.disconnecting(), asyncio.timeout(PATIENCE_S):
        assert await destroy_credentials(world.services.store) == 1

    kept = await Connection.filter(sealed_credentials__isnull=False)
    assert sorted(one.organization_id for one in kept) == [world.leaving.id, world.leaving.id, world.staying.id]


async def test_many_due_cases_of_the_one_that_leaves_do_not_hide_those_of_the_one_that_stays(world: World) -> None:
    cycle = await CollectionCycle.get(organization_id=world.leaving.id)
    for place in range(5):
        await open_one(world.services, cycle, a_new_case(f"INV-A{place}", customer="C-A"))
    await rows(
        "UPDATE collection_case SET next_action_at = next_action_at - interval '1 day' WHERE organization_id = $1",
        world.leaving.id,
    )

    async with world.disconnecting(), asyncio.timeout(PATIENCE_S):
        assert await plan_reminders(world.services.store, NOW, limit=3) == 1
