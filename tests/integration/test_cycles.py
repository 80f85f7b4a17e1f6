import pytest

from dunlin.domain.actions.edit_case_step import edit_case_step
from dunlin.domain.actions.edit_cycle import MAX_STEPS, add_step, create_cycle, remove_step
from dunlin.domain.choices import CaseState, CommunicationMethod
from dunlin.domain.errors import ProblemCode, Refusal
from dunlin.domain.rules.step_input import NewStep
from dunlin.domain.tables import CaseStep, CollectionCase, CollectionCycle, CollectionStep, Organization, StepTexts
from dunlin.runtime.wiring import Services
from tests.build import NONE, NOW, SMS, a_cycle, a_viewer, an_organization, connect_sms, open_one
from tests.delivery import plan


def a_step(name: str = "Ask", method: CommunicationMethod = NONE, days: int = 7) -> NewStep:
    return NewStep(name, days, method, [("en", "Please pay.")])


async def create(services: Services, organization: Organization, *steps: NewStep) -> CollectionCycle:
    return await create_cycle(
        services.store, a_viewer(organization), organization_id=organization.id, name="New", steps=list(steps)
    )


async def add(
    services: Services, organization: Organization, cycle: CollectionCycle, step: NewStep, position: int | None = None
) -> CollectionStep:
    return await add_step(services.store, a_viewer(organization), cycle_id=cycle.id, position=position, step=step)


async def names(cycle: CollectionCycle) -> list[tuple[int, str]]:
    return [(step.position, step.name) for step in await CollectionStep.filter(cycle_id=cycle.id).order_by("position")]


def codes(refusal: pytest.ExceptionInfo[Refusal]) -> list[tuple[str, str]]:
    return [(problem.code, ".".join(problem.path)) for problem in refusal.value.problems]


async def test_a_cycle_is_made_with_its_steps_in_their_order(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)

    cycle = await create(services, organization, a_step("First"), a_step("Second", SMS))

    assert await names(cycle) == [(1, "First"), (2, "Second")]
    second = await CollectionStep.get(position=2)
    assert (second.communication_method, second.version) == (SMS, 1)
    assert (await StepTexts.get(id=second.texts_id)).sms == {"en": "Please pay."}


async def test_a_cycle_with_an_sms_step_needs_sms_to_be_connected(services: Services) -> None:
    organization = await an_organization()

    with pytest.raises(Refusal) as refusal:
        await create(services, organization, a_step(), a_step("Second", SMS))

    assert codes(refusal) == [(ProblemCode.METHOD_UNAVAILABLE, "steps.1.communicationMethod")]
    assert await CollectionCycle.all().count() == 0


async def test_every_problem_of_every_new_step_is_reported_under_its_path(services: Services) -> None:
    organization = await an_organization()

    with pytest.raises(Refusal) as refusal:
        await create(services, organization, a_step(" "), NewStep("Fine", -1, SMS, []))

    assert codes(refusal) == [
        (ProblemCode.INVALID, "steps.0.name"),
        (ProblemCode.INVALID, "steps.1.triggerDays"),
        (ProblemCode.REQUIRED, "steps.1.smsTexts"),
    ]


@pytest.mark.parametrize("count", [0, MAX_STEPS + 1])
async def test_a_cycle_has_one_step_at_least_and_not_too_many(services: Services, count: int) -> None:
    organization = await an_organization()

    with pytest.raises(Refusal) as refusal:
        await create(services, organization, *[a_step()] * count)

    assert codes(refusal) == [(ProblemCode.INVALID, "steps")]


@pytest.mark.parametrize(
    ("position", "order"),
    [
        pytest.param(1, ["New", "Step 1", "Step 2"], id="at the front"),
        pytest.param(2, ["Step 1", "New", "Step 2"], id="in the middle"),
        pytest.param(3, ["Step 1", "Step 2", "New"], id="at the end"),
        pytest.param(None, ["Step 1", "Step 2", "New"], id="at the end where no place is given"),
    ],
)
async def test_a_step_is_added_at_its_place(services: Services, position: int | None, order: list[str]) -> None:
    organization = await an_organization()
    cycle = await a_cycle(organization, [NONE, NONE])

    added = await add(services, organization, cycle, a_step("New"), position)

    assert await names(cycle) == list(enumerate(order, start=1))
    assert added.position == order.index("New") + 1


@pytest.mark.parametrize("position", [0, -1, 4])
async def test_a_place_outside_the_cycle_is_refused(services: Services, position: int) -> None:
    organization = await an_organization()
    cycle = await a_cycle(organization, [NONE, NONE])

    with pytest.raises(Refusal) as refusal:
        await add(services, organization, cycle, a_step(), position)

    assert codes(refusal) == [(ProblemCode.INVALID, "position")]
    assert str(refusal.value) == "The new step's position is 1 to 3."


async def test_an_sms_step_cannot_be_added_while_sms_is_not_connected(services: Services) -> None:
    organization = await an_organization()
    cycle = await a_cycle(organization, [NONE])

    with pytest.raises(Refusal) as refusal:
        await add(services, organization, cycle, a_step("New", SMS), 1)

    assert codes(refusal) == [(ProblemCode.METHOD_UNAVAILABLE, "step.communicationMethod")]
    assert await names(cycle) == [(1, "Step 1")]


async def test_the_steps_after_a_removed_one_move_up_and_open_cases_keep_their_copies(services: Services) -> None:
    organization = await an_organization()
    cycle = await a_cycle(organization, [NONE, NONE, NONE])
    await open_one(services, cycle)
    step = await CollectionStep.get(position=2)

    await remove_step(services.store, a_viewer(organization), step_id=step.id)

    assert await names(cycle) == [(1, "Step 1"), (2, "Step 3")]
    assert [copy.name for copy in await CaseStep.all().order_by("position")] == ["Step 1", "Step 2", "Step 3"]


async def test_a_step_of_a_case_gets_another_method_and_the_cycle_stays_as_it_is(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization, [NONE]))
    copy = await CaseStep.get()

    edited = await edit_case_step(services.store, a_viewer(organization), case_step_id=copy.id, method=SMS)
    await plan(services, NOW)

    assert edited.communication_method is SMS
    assert (await CollectionStep.get()).communication_method is NONE
    assert (await CaseStep.get()).state == "DONE"


async def refuse_case_step(services: Services, organization: Organization) -> list[tuple[str, str]]:
    step = await CaseStep.all().order_by("position").first()
    assert step is not None
    with pytest.raises(Refusal) as refusal:
        await edit_case_step(services.store, a_viewer(organization), case_step_id=step.id, method=SMS)
    return codes(refusal)


async def test_a_case_step_takes_no_method_that_is_not_connected(services: Services) -> None:
    organization = await an_organization()
    await open_one(services, await a_cycle(organization, [NONE]))

    assert await refuse_case_step(services, organization) == [(ProblemCode.METHOD_UNAVAILABLE, "communicationMethod")]


async def test_a_case_step_without_a_text_cannot_become_sms(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization, [NONE]))
    await StepTexts.all().update(sms={})

    assert await refuse_case_step(services, organization) == [(ProblemCode.REQUIRED, "smsTexts")]


async def test_a_step_that_is_no_longer_pending_cannot_be_changed(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization, [NONE, NONE]))
    await plan(services, NOW)

    assert await refuse_case_step(services, organization) == [(ProblemCode.WRONG_STATE, "caseStepId")]


async def test_a_step_of_a_closed_case_cannot_be_changed(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization, [NONE]))
    await CollectionCase.all().update(state=CaseState.CLOSED)

    assert await refuse_case_step(services, organization) == [(ProblemCode.CASE_CLOSED, "caseStepId")]
