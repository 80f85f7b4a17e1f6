"""Preview an SMS: with a case's data, or with made-up data."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dunlin.domain.choices import Permission
from dunlin.domain.errors import ProblemCode, Refusal, not_found, refuse
from dunlin.domain.price_list import prices_of
from dunlin.domain.rules.preview import Draft, draft, sample_filling
from dunlin.domain.rules.price import Cost, estimate
from dunlin.domain.rules.step_input import check_sms_text
from dunlin.domain.rules.text_cost import PricedSize, worst_cost
from dunlin.domain.rules.texts import BadText, Filling
from dunlin.domain.tables import CollectionCase, Customer, Organization
from dunlin.domain.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Preview:
    """`worst` is what no filling of the text exceeds; None where it has unknown placeholders."""

    draft: Draft
    cost: Cost | None
    worst: PricedSize | None


async def preview_sms(
    viewer: Viewer,
    *,
    organization_id: int,
    text: str,
    language: str | None,
    country: str | None,
    case_id: int | None,
    now: datetime,
) -> Preview:
    """Return what `text` becomes, and what it costs to `country` if that is known.

    Without `country` it is the organization's; without `language`, that of the case's customer or the organization's.
    Refuses with NOT_FOUND, or with what is wrong with the text. An unknown placeholder is not refused but told.
    """
    viewer.require(Permission.READ)
    organization = await viewer.organization(organization_id, "organizationId")
    problems = [one for one in check_sms_text(text) if one.code is not ProblemCode.UNKNOWN_PLACEHOLDER]
    if problems:
        raise Refusal(problems)
    filling, language = await _filling(organization, language, case_id, now)
    try:
        drafted = draft(text, language, filling)
    except BadText as error:
        raise refuse(ProblemCode.INVALID, str(error), "text") from error
    if not drafted.text.strip():
        raise refuse(ProblemCode.INVALID, "The text is empty once filled in.", "text")
    prices = {row.country: row.price for row in await prices_of([organization.id])}
    price = prices.get(country or organization.country)
    worst = None if drafted.unknown_placeholders else worst_cost(text, language, organization.name, prices)
    return Preview(drafted, estimate(price, drafted.encoded.segments), worst)


async def _filling(
    organization: Organization, language: str | None, case_id: int | None, now: datetime
) -> tuple[Filling, str]:
    """Return what to fill in, and the language to write it in."""
    if case_id is None:
        chosen = language or organization.default_language
        today = now.astimezone(ZoneInfo(organization.time_zone)).date()
        return sample_filling(organization.name, organization.country, chosen, today), chosen
    case = await CollectionCase.get_or_none(id=case_id, organization_id=organization.id)
    if case is None:
        raise not_found("collection case", "caseId")
    customer = await Customer.get(id=case.customer_id)
    filling = Filling(
        customer_name=customer.name,
        organization_name=organization.name,
        amount=case.amount_due,
        currency=case.currency,
        due_on=case.due_on,
        reference=case.external_reference,
        reaction=case.reaction,
        payment_link=case.payment_link,
    )
    return filling, language or customer.language or organization.default_language
