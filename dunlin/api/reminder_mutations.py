"""What a person can do with one reminder."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Annotated

import strawberry

from dunlin.api.case_inputs import CancelReminderInput, ConfirmReminderSentInput, ResendReminderInput
from dunlin.api.context import Info
from dunlin.api.settle import ERRORS, row_id, settled
from dunlin.api.types.node import UserError, user_errors
from dunlin.api.types.reminder import Reminder
from dunlin.domain import tables
from dunlin.domain.actions.cancel_reminder import cancel_reminder
from dunlin.domain.actions.confirm_sent import confirm_reminder_sent
from dunlin.domain.actions.resend_reminder import resend_reminder
from dunlin.domain.errors import Refusal


@strawberry.type(description="What became of cancelReminder, resendReminder or confirmReminderSent.")
class ReminderPayload:
    reminder: Reminder | None = strawberry.field(description="The reminder, or the new one.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type
class ReminderMutation:
    @strawberry.mutation(
        description="Cancel a scheduled reminder. Its step says that nothing was sent, and the case goes on."
    )
    async def cancel_reminder(
        self,
        info: Info,
        input: Annotated[CancelReminderInput, strawberry.argument(description="Which one.")],  # noqa: A002
    ) -> ReminderPayload:
        return await _answer(info, _cancel(info, input))

    @strawberry.mutation(
        description="A person's decision to send again after FAILED, UNDELIVERED or UNCONFIRMED: makes a new reminder, "
        "written anew and to the customer's present number. A COMPLETED case is open again until it is settled."
    )
    async def resend_reminder(
        self,
        info: Info,
        input: Annotated[ResendReminderInput, strawberry.argument(description="Which one.")],  # noqa: A002
    ) -> ReminderPayload:
        return await _answer(info, _resend(info, input))

    @strawberry.mutation(
        description="A person's word that an UNCONFIRMED reminder was sent: the debtor has answered it, or the "
        "carrier's own pages show it. It becomes SENT, and nothing is sent again."
    )
    async def confirm_reminder_sent(
        self,
        info: Info,
        input: Annotated[ConfirmReminderSentInput, strawberry.argument(description="Which one.")],  # noqa: A002
    ) -> ReminderPayload:
        return await _answer(info, _confirm(info, input))


async def _answer(info: Info, work: Awaitable[tables.Reminder]) -> ReminderPayload:
    outcome = await settled(info, work)
    if isinstance(outcome, Refusal):
        return ReminderPayload(reminder=None, user_errors=user_errors(outcome))
    may_see = info.context.may_see
    return ReminderPayload(reminder=Reminder.of(outcome, may_see=may_see), user_errors=[])


async def _cancel(info: Info, given: CancelReminderInput) -> tables.Reminder:
    return await cancel_reminder(
        info.context.services.store,
        info.context.viewer,
        reminder_id=row_id("Reminder", given.reminder_id, "reminderId"),
        now=datetime.now(UTC),
    )


async def _confirm(info: Info, given: ConfirmReminderSentInput) -> tables.Reminder:
    return await confirm_reminder_sent(
        info.context.services.store,
        info.context.viewer,
        reminder_id=row_id("Reminder", given.reminder_id, "reminderId"),
        now=datetime.now(UTC),
    )


async def _resend(info: Info, given: ResendReminderInput) -> tables.Reminder:
    return await resend_reminder(
        info.context.services.store,
        info.context.viewer,
        reminder_id=row_id("Reminder", given.reminder_id, "reminderId"),
        idempotency_key=given.idempotency_key,
        now=datetime.now(UTC),
    )
