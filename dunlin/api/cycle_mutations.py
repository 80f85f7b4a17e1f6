"""What can be changed about collection cycles and about the steps of one case."""

from typing import Annotated

import strawberry

from dunlin.api.context import Info
from dunlin.api.inputs import AddStepInput, CreateCollectionCycleInput, EditCaseStepInput, RemoveStepInput
from dunlin.api.settle import ERRORS, once, row_id, settled
from dunlin.api.types.case import CaseStep
from dunlin.api.types.cycle import CollectionCycle, CollectionStep
from dunlin.api.types.node import UserError, user_errors
from dunlin.domain import tables
from dunlin.domain.actions.edit_case_step import edit_case_step
from dunlin.domain.actions.edit_cycle import add_step, create_cycle, remove_step
from dunlin.domain.errors import Refusal


@strawberry.type(description="What became of createCollectionCycle.")
class CreateCollectionCyclePayload:
    cycle: CollectionCycle | None = strawberry.field(description="The new cycle.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="What became of addStep or editStep.")
class StepPayload:
    step: CollectionStep | None = strawberry.field(description="The step; also with STALE_VERSION, as it is now.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="What became of removeStep.")
class RemoveStepPayload:
    cycle: CollectionCycle | None = strawberry.field(description="The cycle without the step.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="What became of editCaseStep.")
class CaseStepPayload:
    case_step: CaseStep | None = strawberry.field(description="The step of the case as it is now.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type
class CycleMutation:
    @strawberry.mutation(description="Make a collection cycle with its steps.")
    async def create_collection_cycle(
        self,
        info: Info,
        input: Annotated[CreateCollectionCycleInput, strawberry.argument(description="The new cycle.")],  # noqa: A002
    ) -> CreateCollectionCyclePayload:
        outcome = await settled(info, _create(info, input))
        if isinstance(outcome, Refusal):
            return CreateCollectionCyclePayload(cycle=None, user_errors=user_errors(outcome))
        return CreateCollectionCyclePayload(cycle=CollectionCycle.of(outcome), user_errors=[])

    @strawberry.mutation(description="Add a step to a cycle. Open cases keep the steps that they have.")
    async def add_step(
        self,
        info: Info,
        input: Annotated[AddStepInput, strawberry.argument(description="The step and its place.")],  # noqa: A002
    ) -> StepPayload:
        outcome = await settled(info, _add(info, input))
        if isinstance(outcome, Refusal):
            return StepPayload(step=None, user_errors=user_errors(outcome))
        return StepPayload(step=CollectionStep.of(outcome), user_errors=[])

    @strawberry.mutation(description="Remove a step from its cycle. Open cases keep their copies of it.")
    async def remove_step(
        self,
        info: Info,
        input: Annotated[RemoveStepInput, strawberry.argument(description="Which step.")],  # noqa: A002
    ) -> RemoveStepPayload:
        outcome = await settled(info, _remove(info, input))
        if isinstance(outcome, Refusal):
            return RemoveStepPayload(cycle=None, user_errors=user_errors(outcome))
        return RemoveStepPayload(cycle=CollectionCycle.of(outcome), user_errors=[])

    @strawberry.mutation(description="Choose another method for one pending step of one case.")
    async def edit_case_step(
        self,
        info: Info,
        input: Annotated[EditCaseStepInput, strawberry.argument(description="The step and its method.")],  # noqa: A002
    ) -> CaseStepPayload:
        outcome = await settled(info, _edit_case_step(info, input))
        if isinstance(outcome, Refusal):
            return CaseStepPayload(case_step=None, user_errors=user_errors(outcome))
        return CaseStepPayload(case_step=CaseStep.of(outcome), user_errors=[])


async def _create(info: Info, given: CreateCollectionCycleInput) -> tables.CollectionCycle:
    return await create_cycle(
        info.context.services.store,
        info.context.viewer,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        name=given.name,
        steps=[step.step() for step in given.steps],
        once=once(given.idempotency_key),
    )


async def _add(info: Info, given: AddStepInput) -> tables.CollectionStep:
    return await add_step(
        info.context.services.store,
        info.context.viewer,
        cycle_id=row_id("CollectionCycle", given.cycle_id, "cycleId"),
        position=given.position,
        step=given.step.step(),
        once=once(given.idempotency_key),
    )


async def _remove(info: Info, given: RemoveStepInput) -> tables.CollectionCycle:
    return await remove_step(
        info.context.services.store,
        info.context.viewer,
        step_id=row_id("CollectionStep", given.step_id, "stepId"),
    )


async def _edit_case_step(info: Info, given: EditCaseStepInput) -> tables.CaseStep:
    return await edit_case_step(
        info.context.services.store,
        info.context.viewer,
        case_step_id=row_id("CaseStep", given.case_step_id, "caseStepId"),
        method=given.communication_method,
        once=once(given.idempotency_key),
    )
