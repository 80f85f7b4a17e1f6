"""The inputs of what is changed about an organization itself."""

import strawberry

from dunlin.api.inputs import IDEMPOTENCY_KEY, MoneyInput
from dunlin.api.scalars import CountryCode, LanguageCode, TimeZone
from dunlin.domain.choices import ReturnReaction, Weekday
from dunlin.domain.errors import ProblemCode, refuse
from dunlin.domain.rules.caps import MAX_GAP_HOURS, MAX_PER_WEEK
from dunlin.domain.rules.policy_input import PolicyEdit
from dunlin.domain.rules.price import Cost


@strawberry.input(
    description="An organization to create in your account. Reminders may leave Monday to Saturday, 08:00 to 20:00, "
    "until updateSendingPolicy says otherwise."
)
class CreateOrganizationInput:
    name: str = strawberry.field(description="Its name, as customers read it: 1 to 200 characters.")
    country: CountryCode = strawberry.field(description="Its country; national phone numbers are read as of it.")
    time_zone: TimeZone = strawberry.field(description="The zone of its calendar and its sending window.")
    default_language: LanguageCode = strawberry.field(description="Used where the customer's language has no text.")


@strawberry.input(description="Another name for an organization.")
class RenameOrganizationInput:
    organization_id: strawberry.ID = strawberry.field(description="Which one.")
    name: str = strawberry.field(description="The new name: 1 to 200 characters.")


@strawberry.input(description="An organization to close, for good.")
class CloseOrganizationInput:
    organization_id: strawberry.ID = strawberry.field(description="Which one.")
    confirmed: bool = strawberry.field(description="Must be true: closing cannot be undone.")


@strawberry.input(description="A reaction to a return reason. It counts for cases that are opened from now on.")
class SetReturnReasonInput:
    organization_id: strawberry.ID = strawberry.field(description="Whose.")
    code: str = strawberry.field(description="The ISO 20022 code, e.g. MS03; any but MD07.")
    reaction: ReturnReaction | None = strawberry.field(
        default=None, description="What cases with this reason do; null for the usual reaction."
    )


@strawberry.input(
    description="What an organization's texts may cost a month. What was spent in this month already counts."
)
class SetSpendingLimitInput:
    organization_id: strawberry.ID = strawberry.field(description="Whose.")
    limit: strawberry.Maybe[MoneyInput | None] = strawberry.field(
        description="More than 0, in the currency that the carrier bills in, with no more decimals than it has. Null "
        "removes the limit; it must be given as null."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)

    def cost(self) -> Cost | None:
        if self.limit is None:
            message = "Give a limit, or null for none."
            raise refuse(ProblemCode.REQUIRED, message, "limit")
        given = self.limit.value
        return Cost(given.amount, given.currency) if given is not None else None


@strawberry.input(
    description="When reminders may leave. What is scheduled moves to the next moment this allows, soon after."
)
class UpdateSendingPolicyInput:
    organization_id: strawberry.ID = strawberry.field(description="Whose reminders.")
    window_start: str = strawberry.field(description="First local time of day, 00:00 to 23:59.")
    window_end: str = strawberry.field(description="End of the window, exclusive, 00:01 to 24:00; 24:00 is midnight.")
    days: list[Weekday] = strawberry.field(description="The days on which reminders may leave, at least one.")
    skip_holidays: bool | None = strawberry.field(
        default=None,
        description="Whether nothing leaves on public holidays of the customer's country. Null: as it is.",
    )
    minimum_gap_hours: int | None = strawberry.field(
        default=None,
        description=f"Hours between two reminders to one customer: 0 (none) to {MAX_GAP_HOURS}. Null: as it is.",
    )
    maximum_per_week: int | None = strawberry.field(
        default=None,
        description=f"Reminders to one customer in any 7 days: 1 to {MAX_PER_WEEK}, or 0 for no limit. Null: as it is.",
    )

    def edit(self) -> PolicyEdit:
        return PolicyEdit(
            self.window_start,
            self.window_end,
            self.days,
            self.skip_holidays,
            self.minimum_gap_hours,
            self.maximum_per_week,
        )
