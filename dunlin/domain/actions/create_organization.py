"""Add an organization with its cards: every integration that exists, disconnected."""

from dunlin.domain.choices import IntegrationKind
from dunlin.domain.rules.schedule import SendWindow
from dunlin.domain.tables import DeliverySequence, Integration, Organization, SmsPrice


async def create_organization(
    *, account_id: int, name: str, country: str, time_zone: str, default_language: str, window: SendWindow
) -> Organization:
    """Return the new organization. Call it inside a transaction of the caller's."""
    organization = await Organization.create(
        account_id=account_id,
        name=name,
        country=country,
        time_zone=time_zone,
        default_language=default_language,
        window_start=window.start,
        window_end=window.end,
        window_days=sorted(window.days),
    )
    await DeliverySequence.create(organization_id=organization.id)
    await SmsPrice.create(organization_id=organization.id, country=country)
    for kind in IntegrationKind:
        await Integration.create(organization_id=organization.id, kind=kind)
    return organization
