"""Why a reminder was sent, waits, or was not sent: every check with its outcome."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from tortoise.models import Model

from dunlin.api.ids import encode_id
from dunlin.domain.actions.close_case import close_case
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.resend_reminder import resend_reminder
from dunlin.domain.carrier import Fault, Refused
from dunlin.domain.choices import CaseState, IntegrationKind, Weekday
from dunlin.domain.rules.caps import FIRST_LIMITS
from dunlin.domain.rules.case_input import NewCase
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.store import rows
from dunlin.domain.tables import CaseStep, CollectionCase, Customer, Organization, Reminder
from dunlin.runtime.wiring import Services
from tests.build import (
    NOW,
    a_cycle,
    a_new_case,
    a_received_text,
    a_token,
    a_viewer,
    an_organization,
    connect_sms,
    open_one,
)
from tests.client import JSON, ask
from tests.delivery import answer, begin, plan

DAYTIME = SendWindow("08:00", "20:00", frozenset(Weekday))
NIGHT = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
TRACE = "query ($id: ID!) { node(id: $id) { ... on CaseStep { decisionTrace { name outcome sentence decidedAt } } } }"
PASSED = [
    ("DEBTOR", "PASSED"),
    ("METHOD", "PASSED"),
    ("INTEGRATION", "PASSED"),
    ("OPT_OUT", "PASSED"),
    ("NUMBER", "PASSED"),
    ("TEXT", "PASSED"),
]


async def planned(services: Services, case: NewCase | None = None, *, now: datetime = NOW) -> Organization:
    organization = await an_organization(window=DAYTIME, skip_holidays=True, limits=FIRST_LIMITS)
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization), case or a_new_case(), now=now - timedelta(days=1))
    await plan(services, now)
    return organization


async def trace_of(http: httpx.AsyncClient, services: Services, step: Model | None = None) -> list[JSON]:
    organization, step = await Organization.get(), step or await CaseStep.get()
    data = await ask(http, await a_token(services, organization), TRACE, id=encode_id("CaseStep", step.pk))
    trace: list[JSON] = data["node"]["decisionTrace"]
    return trace


def outcomes(trace: list[JSON]) -> list[tuple[str, str]]:
    return [(check["name"], check["outcome"]) for check in trace]


async def test_a_reminder_that_goes_at_once_has_passed_every_check(http: httpx.AsyncClient, services: Services) -> None:
    await planned(services)
    assert len(await begin(services, NOW)) == 1

    trace = await trace_of(http, services)

    limits = [("WINDOW", "PASSED"), ("HOLIDAY", "PASSED"), ("MINIMUM_GAP", "PASSED"), ("WEEKLY_MAXIMUM", "PASSED")]
    assert outcomes(trace) == [*PASSED, *limits]
    assert trace[0]["sentence"] == "The debtor is not known to have died."
    assert {check["decidedAt"] for check in trace} == {NOW.isoformat()}


@pytest.mark.parametrize(
    ("case", "last", "passed"),
    [
        pytest.param(a_new_case(return_reason_code="MD07"), "DEBTOR", 0, id="the debtor has died"),
        pytest.param(a_new_case(phone=None), "NUMBER", 4, id="there is no number"),
    ],
)
async def test_a_step_that_sends_nothing_ends_with_the_check_that_failed(
    http: httpx.AsyncClient, services: Services, case: NewCase, last: str, passed: int
) -> None:
    await planned(services, case)

    trace = await trace_of(http, services)

    assert outcomes(trace) == [*PASSED[:passed], (last, "FAILED")]
    assert trace[-1]["sentence"] == (await CaseStep.get()).skipped_reason


async def test_a_step_that_is_not_due_has_no_trace(http: httpx.AsyncClient, services: Services) -> None:
    organization = await an_organization()
    await open_one(services, await a_cycle(organization))

    assert await trace_of(http, services) == []


async def test_a_reminder_that_waited_says_so_and_that_it_went(http: httpx.AsyncClient, services: Services) -> None:
    await planned(services, now=NIGHT)
    held = await trace_of(http, services)
    await Reminder.all().update(scheduled_for=NIGHT)

    assert len(await begin(services, NOW)) == 1

    went = await trace_of(http, services)
    assert ("WINDOW", "HELD") in outcomes(held)
    assert next(check["sentence"] for check in held if check["outcome"] == "HELD") == (
        "The send window, 08:00 to 20:00, is closed now in Europe/Guernsey."
    )
    assert went[: len(held)] == held
    assert ("WINDOW", "PASSED") in outcomes(went[len(held) :])
    assert {check["decidedAt"] for check in went[len(held) :]} == {NOW.isoformat()}


async def test_each_later_hold_is_traced_once_however_often_it_is_looked_at(
    http: httpx.AsyncClient, services: Services
) -> None:
    await planned(services)
    await CollectionCase.all().update(state=CaseState.PAUSED)
    for minute in range(3):
        await rows("UPDATE reminder SET lease_until = NULL")
        assert await begin(services, NOW + timedelta(minutes=minute)) == []

    later = (await trace_of(http, services))[10:]

    assert outcomes(later) == [("INTEGRATION", "PASSED"), ("CASE", "HELD"), ("OPT_OUT", "PASSED")]
    assert later[1]["sentence"] == (await Reminder.get()).status_reason


async def test_what_waits_for_its_turn_is_traced(http: httpx.AsyncClient, services: Services) -> None:
    await planned(services)
    case = await CollectionCase.get().prefetch_related("cycle")
    other = await open_one(services, case.cycle, a_new_case("INV-2"), now=NOW - timedelta(days=1))
    await plan(services, NOW)

    trace = await trace_of(http, services, await CaseStep.get(case_id=other.id))

    assert outcomes(trace)[-2:] == [("MINIMUM_GAP", "HELD"), ("WEEKLY_MAXIMUM", "PASSED")]


async def test_who_opts_out_before_it_leaves_is_the_end_of_the_trace(
    http: httpx.AsyncClient, services: Services
) -> None:
    await planned(services)
    await Customer.all().update(sms_opted_out_at=NOW)
    await begin(services, NOW)

    assert outcomes(await trace_of(http, services))[10:] == [("OPT_OUT", "FAILED")]


async def test_stop_is_the_end_of_the_trace_of_what_it_stopped(http: httpx.AsyncClient, services: Services) -> None:
    await a_received_text(services, await planned(services), "STOP")

    last = (await trace_of(http, services))[-1]

    assert (last["name"], last["outcome"]) == ("OPT_OUT", "FAILED")
    assert last["sentence"] == "The customer has opted out of SMS."


async def test_a_number_that_turns_out_bad_is_the_end_of_the_trace_of_what_it_stopped(
    http: httpx.AsyncClient, services: Services
) -> None:
    organization = await planned(services)
    await open_one(services, await a_cycle(organization), a_new_case("INV-2"), now=NOW - timedelta(days=1))
    await plan(services, NOW)
    stopped = await CaseStep.get(case__external_reference="INV-2")
    await Reminder.filter(case_step_id=stopped.id).update(scheduled_for=NOW + timedelta(days=365))

    await answer(services, await begin(services, NOW), Refused(21614, Fault.LANDLINE, "This is a landline number."))

    last = (await trace_of(http, services, stopped))[-1]
    assert (last["name"], last["outcome"]) == ("NUMBER", "FAILED")
    assert last["sentence"] == "The phone number must be corrected: this is a landline number."


async def test_a_disconnect_is_the_end_of_the_trace_of_what_it_stopped(
    http: httpx.AsyncClient, services: Services
) -> None:
    organization = await planned(services)
    await disconnect_integration(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=NOW,
    )

    last = (await trace_of(http, services))[-1]

    assert (last["name"], last["outcome"]) == ("INTEGRATION", "FAILED")
    assert last["sentence"] == "SMS was disconnected."


async def test_a_step_of_a_case_that_ends_before_says_so(http: httpx.AsyncClient, services: Services) -> None:
    organization = await an_organization()
    case = await open_one(services, await a_cycle(organization))
    await close_case(services.store, a_viewer(organization), case_id=case.id, reason="Agreed by phone.", now=NOW)

    (check,) = await trace_of(http, services)

    assert (check["name"], check["outcome"]) == ("CASE", "FAILED")
    assert check["sentence"] == (await CaseStep.get()).skipped_reason


async def test_what_is_sent_again_adds_its_decision(http: httpx.AsyncClient, services: Services) -> None:
    organization = await planned(services)
    await answer(services, await begin(services, NOW), Refused(21211, Fault.RECIPIENT, "Bad number."))
    later = NOW + timedelta(hours=1)
    reminder = await Reminder.get()
    await resend_reminder(
        services.store, a_viewer(organization), reminder_id=reminder.id, idempotency_key=None, now=later
    )

    trace = await trace_of(http, services)

    assert {check["decidedAt"] for check in trace} == {NOW.isoformat(), later.isoformat()}
