"""What can be done to one case."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Annotated

import strawberry

from dunlin.api.case_inputs import CloseCaseInput, PauseCaseInput, RecordPaymentInput, ResumeCaseInput
from dunlin.api.context import Info
from dunlin.api.settle import ERRORS, once, row_id, settled
from dunlin.api.types.case import CollectionCase
from dunlin.api.types.node import UserError, user_errors
from dunlin.domain import tables
from dunlin.domain.actions.close_case import close_case
from dunlin.domain.actions.pause_case import pause_case
from dunlin.domain.actions.record_payment import record_payment
from dunlin.domain.actions.resume_cases import resume_case
from dunlin.domain.errors import Refusal


@strawberry.type(description="What became of a change of one case.")
class CasePayload:
    case: CollectionCase | None = strawberry.field(description="The case as it is now.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type
class CaseMutation:
    @strawberry.mutation(
        description="Record a payment. Less is due from then on; with nothing due the case is closed as PAID and what "
        "is scheduled is canceled. When this answers, no text goes out any more that asks for what was paid."
    )
    async def record_payment(
        self,
        info: Info,
        input: Annotated[RecordPaymentInput, strawberry.argument(description="The payment.")],  # noqa: A002
    ) -> CasePayload:
        return await _answer(info, _record_payment(info, input))

    @strawberry.mutation(
        description="Pause a case: it keeps its schedule, and nothing goes out. When this answers, nothing is on its "
        "way out any more."
    )
    async def pause_case(
        self,
        info: Info,
        input: Annotated[PauseCaseInput, strawberry.argument(description="The case, and for how long.")],  # noqa: A002
    ) -> CasePayload:
        return await _answer(info, _pause(info, input))

    @strawberry.mutation(
        description="Resume a paused case. What fell due meanwhile does not go out in one burst: the first step goes, "
        "the later ones keep their distance."
    )
    async def resume_case(
        self,
        info: Info,
        input: Annotated[ResumeCaseInput, strawberry.argument(description="The case.")],  # noqa: A002
    ) -> CasePayload:
        return await _answer(info, _resume(info, input))

    @strawberry.mutation(
        description="Close a case by hand: what is scheduled is canceled, and steps ahead are skipped. When this "
        "answers, nothing more goes out for it; what the carrier has already keeps its true status."
    )
    async def close_case(
        self,
        info: Info,
        input: Annotated[CloseCaseInput, strawberry.argument(description="The case, and why.")],  # noqa: A002
    ) -> CasePayload:
        return await _answer(info, _close(info, input))


async def _answer(info: Info, work: Awaitable[tables.CollectionCase]) -> CasePayload:
    outcome = await settled(info, work)
    if isinstance(outcome, Refusal):
        return CasePayload(case=None, user_errors=user_errors(outcome))
    return CasePayload(case=CollectionCase.of(outcome), user_errors=[])


async def _record_payment(info: Info, given: RecordPaymentInput) -> tables.CollectionCase:
    return await record_payment(
        info.context.services.store,
        info.context.viewer,
        case_id=row_id("CollectionCase", given.case_id, "caseId"),
        payment=given.payment(),
        idempotency_key=given.idempotency_key,
        now=datetime.now(UTC),
    )


async def _pause(info: Info, given: PauseCaseInput) -> tables.CollectionCase:
    return await pause_case(
        info.context.services.store,
        info.context.viewer,
        case_id=row_id("CollectionCase", given.case_id, "caseId"),
        reason=given.reason,
        until=given.until,
        now=datetime.now(UTC),
    )


async def _resume(info: Info, given: ResumeCaseInput) -> tables.CollectionCase:
    return await resume_case(
        info.context.services.store,
        info.context.viewer,
        case_id=row_id("CollectionCase", given.case_id, "caseId"),
        now=datetime.now(UTC),
        once=once(given.idempotency_key),
    )


async def _close(info: Info, given: CloseCaseInput) -> tables.CollectionCase:
    return await close_case(
        info.context.services.store,
        info.context.viewer,
        case_id=row_id("CollectionCase", given.case_id, "caseId"),
        reason=given.reason,
        now=datetime.now(UTC),
    )
