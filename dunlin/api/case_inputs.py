"""The inputs of what is done to one case."""

from datetime import date

import strawberry


@strawberry.input(description="A case to be paused. A paused one gets the new reason and day.")
class PauseCaseInput:
    case_id: strawberry.ID = strawberry.field(description="The case.")
    reason: str | None = strawberry.field(default=None, description="Why, for colleagues: one line of at most 500.")
    until: date | None = strawberry.field(
        default=None,
        description="The day, after today, of the organization's calendar on which it resumes by itself. Null: it "
        "stays paused until somebody resumes it.",
    )


@strawberry.input(description="A paused case to be resumed.")
class ResumeCaseInput:
    case_id: strawberry.ID = strawberry.field(description="The case; it must be PAUSED.")


@strawberry.input(description="A case to be closed.")
class CloseCaseInput:
    case_id: strawberry.ID = strawberry.field(description="The case.")
    reason: str | None = strawberry.field(default=None, description="Why, for colleagues: one line of at most 500.")
