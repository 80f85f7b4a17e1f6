"""Return reasons of direct debits, with what an organization does about them."""

import strawberry

from dunlin.api.context import Info
from dunlin.domain.choices import ReturnReaction
from dunlin.domain.rules.return_reason import BY_CODE, RETURN_REASONS


@strawberry.type(description="Why a direct debit came back, and what a case opened for it does.")
class ReturnReason:
    code: str = strawberry.field(description="Its ISO 20022 code, e.g. AM04.")
    meaning: str | None = strawberry.field(description="What it means, in a sentence; null if it is not known here.")
    reaction: ReturnReaction = strawberry.field(description="What a case opened from now on does.")
    usual_reaction: ReturnReaction = strawberry.field(
        description="The reaction where the organization has chosen none. For a code that is not known here it is "
        "REMIND, and the case asks for attention."
    )


async def load_return_reasons(info: Info, organization_id: int) -> list[ReturnReason]:
    """Return every reason that is known or that the organization has chosen a reaction for, by code."""
    choices = await info.context.loaders.return_reasons.load(organization_id)
    chosen = {row.code: row.reaction for row in choices}
    codes = sorted({reason.code for reason in RETURN_REASONS} | chosen.keys())
    return [_reason(code, chosen.get(code)) for code in codes]


def _reason(code: str, chosen: ReturnReaction | None) -> ReturnReason:
    known = BY_CODE.get(code)
    usual = known.reaction if known else ReturnReaction.REMIND
    return ReturnReason(
        code=code, meaning=known.meaning if known else None, reaction=chosen or usual, usual_reaction=usual
    )
