import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from dunlin.domain.actions.edit_cycle import add_step, remove_step
from dunlin.domain.actions.open_cases import open_cases
from dunlin.domain.choices import CaseState, CaseStepState
from dunlin.domain.errors import ProblemCode, Refusal
from dunlin.domain.rules.case_input import NewCase
from dunlin.domain.rules.step_input import NewStep
from dunlin.domain.tables import CaseStep, CollectionCase, CollectionCycle, Customer, Organization
from dunlin.runtime.wiring import Services
from tests.build import NONE, NOW, SMS, a_cycle, a_new_case, a_viewer, an_organization

DAY = timedelta(days=1)


async def open_all(services: Services, cycle: CollectionCycle, *cases: NewCase) -> list[CollectionCase]:
    organization = await Organization.get(id=cycle.organization_id)
    return await open_cases(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        cycle_id=cycle.id,
        cases=list(cases),
        now=NOW,
    )


async def test_a_case_takes_a_copy_of_every_step_with_its_moment(services: Services) -> None:
    cycle = await a_cycle(await an_organization(), [SMS, NONE], days=[3, 10])

    (case,) = await open_all(services, cycle, a_new_case(due_on=NOW.date()))

    first, second = await CaseStep.all().order_by("position")
    assert (case.number, case.state) == ("DC-1", CaseState.ACTIVE)
    assert (first.communication_method, second.communication_method) == (SMS, NONE)
    assert first.due_at.isoformat() == "2026-03-06T23:00:00+00:00"  # midnight in Brussels, three days on
    assert second.due_at - first.due_at == 10 * DAY
    assert {first.state, second.state} == {CaseStepState.PENDING}
    assert case.next_action_at == first.due_at


async def test_cases_come_back_in_the_order_of_the_input(services: Services) -> None:
    cycle = await a_cycle(await an_organization())
    await open_all(services, cycle, a_new_case("B"))

    opened = await open_all(services, cycle, a_new_case("C"), a_new_case("B"), a_new_case("A"))

    assert [case.external_reference for case in opened] == ["C", "B", "A"]
    assert [case.number for case in opened] == ["DC-2", "DC-1", "DC-3"]


async def test_a_case_that_exists_is_returned_as_it_is(services: Services) -> None:
    cycle = await a_cycle(await an_organization())
    await open_all(services, cycle, a_new_case(amount="84.50"))

    (again,) = await open_all(services, cycle, a_new_case(amount="99.99", name="Somebody Else"))

    assert str(again.amount_due) == "84.5000"
    assert (await Customer.get()).name == "Ada Reyes"


async def test_the_same_cases_opened_at_once_are_opened_once(services: Services) -> None:
    cycle = await a_cycle(await an_organization())
    cases = [a_new_case(f"INV-{place}", customer=f"C-{place}") for place in range(20)]

    calls = await asyncio.gather(*(open_all(services, cycle, *cases) for _ in range(4)))

    assert len({tuple(case.id for case in call) for call in calls}) == 1
    assert await CollectionCase.all().count() == 20
    assert await CaseStep.all().count() == 20


async def test_two_cases_of_one_customer_share_the_customer(services: Services) -> None:
    cycle = await a_cycle(await an_organization())

    await open_all(services, cycle, a_new_case("A", name="Old Name"), a_new_case("B", name="New Name"))

    assert [customer.name for customer in await Customer.all()] == ["New Name"]


async def test_a_national_number_is_read_as_of_the_country_of_the_organization(services: Services) -> None:
    cycle = await a_cycle(await an_organization(country="GB", time_zone="Europe/London"))

    await open_all(services, cycle, a_new_case(phone="07700 900123"))

    assert (await Customer.get()).phone == "+447700900123"


async def test_one_bad_case_is_reported_by_its_path_and_nothing_is_opened(services: Services) -> None:
    cycle = await a_cycle(await an_organization())

    with pytest.raises(Refusal) as refusal:
        await open_all(
            services,
            cycle,
            a_new_case("A"),
            a_new_case("B", phone="no number", amount="0"),
            a_new_case("A", name=" "),
        )

    assert [(problem.code, problem.path) for problem in refusal.value.problems] == [
        (ProblemCode.INVALID, ("cases", "1", "customer", "phone")),
        (ProblemCode.INVALID, ("cases", "1", "amountDue", "amount")),
        (ProblemCode.REQUIRED, ("cases", "2", "customer", "name")),
        (ProblemCode.DUPLICATE, ("cases", "2", "externalReference")),
    ]
    assert await CollectionCase.all().count() == 0
    assert await Customer.all().count() == 0


async def test_a_thousand_cases_open_in_one_call(services: Services) -> None:
    cycle = await a_cycle(await an_organization(), [SMS, SMS, SMS])

    opened = await open_all(services, cycle, *(a_new_case(f"INV-{n}", customer=f"C-{n}") for n in range(1000)))

    assert len(opened) == 1000
    assert await CaseStep.all().count() == 3000


async def test_cases_that_open_while_steps_come_and_go_have_a_moment_for_every_step(services: Services) -> None:
    organization = await an_organization()
    cycle = await a_cycle(organization, [NONE])
    viewer = a_viewer(organization)

    async def change() -> None:
        step = NewStep("Beside", 3, NONE, [])
        added = await add_step(services.store, viewer, cycle_id=cycle.id, position=1, step=step)
        await remove_step(services.store, viewer, step_id=added.id)

    for number in range(5):
        await asyncio.gather(*(open_all(services, cycle, a_new_case(f"INV-{number}-{n}")) for n in range(4)), change())

    steps = await CaseStep.all().order_by("case_id", "position")
    assert len({step.case_id for step in steps}) == 20
    for before, after in pairwise(steps):
        if before.case_id == after.case_id:
            assert (after.due_at - before.due_at).days == after.trigger_days
