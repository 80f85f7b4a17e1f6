"""The inputs of what is done to one case, or to one reminder of it."""

from datetime import date, datetime

import strawberry

from dunlin.api.inputs import IDEMPOTENCY_KEY, MoneyInput
from dunlin.domain.rules.payment import NewPayment


@strawberry.input(description="Money that has come in for a case.")
class RecordPaymentInput:
    case_id: strawberry.ID = strawberry.field(description="The case. One that ended unpaid takes a late payment, too.")
    amount: MoneyInput = strawberry.field(
        description="How much, in the currency of the case. What is more than was due is kept as overpaid."
    )
    paid_at: datetime | None = strawberry.field(default=None, description="When it was paid; left out: now.")
    reference: str | None = strawberry.field(
        default=None, description="What the bank or the bookkeeping knows it by: at most 200 characters."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)

    def payment(self) -> NewPayment:
        return NewPayment(self.amount.amount, self.amount.currency, self.paid_at, self.reference)


@strawberry.input(description="A case to be paused. A paused one gets the new reason and day.")
class PauseCaseInput:
    case_id: strawberry.ID = strawberry.field(description="The case.")
    reason: str | None = strawberry.field(
        default=None, description="Why, for colleagues: one line of at most 500 characters."
    )
    until: date | None = strawberry.field(
        default=None,
        description="The day, after today, of the organization's calendar on which it resumes by itself. Null: it "
        "stays paused until somebody resumes it.",
    )


@strawberry.input(description="A paused case to be resumed.")
class ResumeCaseInput:
    case_id: strawberry.ID = strawberry.field(description="The case; it must be PAUSED.")
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A case to be closed.")
class CloseCaseInput:
    case_id: strawberry.ID = strawberry.field(description="The case.")
    reason: str | None = strawberry.field(
        default=None, description="Why, for colleagues: one line of at most 500 characters."
    )


@strawberry.input(description="A reminder to be canceled.")
class CancelReminderInput:
    reminder_id: strawberry.ID = strawberry.field(description="The reminder; it must be SCHEDULED.")


@strawberry.input(description="A reminder that was sent, although the carrier has not confirmed it.")
class ConfirmReminderSentInput:
    reminder_id: strawberry.ID = strawberry.field(description="The reminder; it must be UNCONFIRMED.")


@strawberry.input(description="A reminder to be sent again.")
class ResendReminderInput:
    reminder_id: strawberry.ID = strawberry.field(
        description="The reminder, the newest of its step; it must be FAILED, UNDELIVERED or UNCONFIRMED. An "
        "UNCONFIRMED one may have arrived: then the customer gets it twice."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)
