from datetime import timedelta

import pytest

from dunlin.domain.actions.edit_step import StepEdit, edit_step
from dunlin.domain.choices import CommunicationMethod
from dunlin.domain.errors import ProblemCode, Refusal
from dunlin.domain.tables import CaseStep, CollectionCase, CollectionStep, Organization, StepTexts
from dunlin.runtime.wiring import Services
from tests.build import NONE, NOW, SMS, a_cycle, a_new_case, a_viewer, an_organization, connect_sms, open_one

DAY = timedelta(days=1)


async def edit(
    services: Services,
    organization: Organization,
    step: CollectionStep,
    change: StepEdit,
    *,
    expected_version: int | None = None,
    apply_to_open_cases: bool = False,
) -> CollectionStep:
    return await edit_step(
        services.store,
        a_viewer(organization),
        step_id=step.id,
        expected_version=expected_version,
        edit=change,
        apply_to_open_cases=apply_to_open_cases,
    )


async def test_sms_can_be_chosen_while_it_is_connected(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await a_cycle(organization, [NONE])
    step = await CollectionStep.get()

    edited = await edit(services, organization, step, StepEdit(communication_method=SMS, sms_texts=[("nl", "Hallo")]))

    assert (edited.communication_method, edited.version) == (SMS, 2)
    assert (await StepTexts.get(id=edited.texts_id)).sms == {"nl": "Hallo"}


@pytest.mark.parametrize("method", [CommunicationMethod.SMS, CommunicationMethod.EMAIL])
async def test_a_method_that_is_not_connected_is_refused(services: Services, method: CommunicationMethod) -> None:
    organization = await an_organization()
    await a_cycle(organization, [NONE])
    step = await CollectionStep.get()

    with pytest.raises(Refusal) as refusal:
        await edit(services, organization, step, StepEdit(name="New", communication_method=method))

    assert [problem.code for problem in refusal.value.problems] == [ProblemCode.METHOD_UNAVAILABLE]
    assert (await CollectionStep.get()).name == "Step 1"


async def test_fields_left_out_stay_as_they_are(services: Services) -> None:
    organization = await an_organization()
    await a_cycle(organization, [NONE])
    step = await CollectionStep.get()

    edited = await edit(services, organization, step, StepEdit(name="Friendly"))

    assert (edited.name, edited.trigger_days, edited.texts_id) == ("Friendly", step.trigger_days, step.texts_id)


async def test_an_edit_of_a_version_that_is_gone_is_refused_with_the_current_step(services: Services) -> None:
    organization = await an_organization()
    await a_cycle(organization, [NONE])
    step = await CollectionStep.get()
    await edit(services, organization, step, StepEdit(name="First"), expected_version=1)

    with pytest.raises(Refusal) as refusal:
        await edit(services, organization, step, StepEdit(name="Second"), expected_version=1)

    assert [problem.code for problem in refusal.value.problems] == [ProblemCode.STALE_VERSION]
    assert isinstance(refusal.value.found, CollectionStep)
    assert (refusal.value.found.name, refusal.value.found.version) == ("First", 2)


async def test_an_sms_step_needs_a_text(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await a_cycle(organization, [NONE])
    await StepTexts.all().update(sms={})

    with pytest.raises(Refusal) as refusal:
        await edit(services, organization, await CollectionStep.get(), StepEdit(communication_method=SMS))

    assert [(problem.code, problem.path) for problem in refusal.value.problems] == [
        (ProblemCode.REQUIRED, ("smsTexts",))
    ]


async def test_open_cases_keep_their_own_copy_of_a_step(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization, [NONE]))

    await edit(services, organization, await CollectionStep.get(), StepEdit("New", 1, SMS, [("en", "New text")]))

    copy = await CaseStep.get()
    assert (copy.name, copy.communication_method) == ("Step 1", NONE)


async def test_open_cases_follow_when_asked_to(services: Services) -> None:
    organization = await an_organization()
    await connect_sms(services, organization)
    not_due = a_new_case(due_on=NOW.date() + 30 * DAY)
    await open_one(services, await a_cycle(organization, [NONE, NONE]), not_due)
    first, second = await CaseStep.all().order_by("position")
    step = await CollectionStep.get(position=1)

    change = StepEdit("New", step.trigger_days + 3, SMS, [("en", "New text")])
    edited = await edit(services, organization, step, change, apply_to_open_cases=True)

    moved_first, moved_second = await CaseStep.all().order_by("position")
    assert (moved_first.name, moved_first.communication_method, moved_first.texts_id) == ("New", SMS, edited.texts_id)
    assert (moved_first.due_at - first.due_at, moved_second.due_at - second.due_at) == (3 * DAY, 3 * DAY)
    assert (await CollectionCase.get()).next_action_at == moved_first.due_at
