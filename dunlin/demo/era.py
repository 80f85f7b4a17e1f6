"""The time in which an organization had SMS, and what is left of it: a card that says DISCONNECTED."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from dunlin.demo.cases import QUIET
from dunlin.demo.rows import Rows
from dunlin.domain.carrier import SenderKind
from dunlin.domain.choices import IntegrationKind, IntegrationProvider, IntegrationStatus
from dunlin.domain.tables import CollectionCase, Connection, Integration, Organization

DISCONNECTED = "SMS was disconnected."
_LASTED = timedelta(days=70)


@dataclass(frozen=True, slots=True)
class SmsEra:
    connection: Connection
    integration: Integration
    begin: datetime
    end: datetime


def store_card(rows: Rows, organization: Organization, kind: IntegrationKind) -> Integration:
    """Store the card of a kind, disconnected."""
    return rows.add(
        Integration(
            id=rows.next_id(Integration),
            organization_id=organization.id,
            kind=kind,
            status=IntegrationStatus.DISCONNECTED,
        )
    )


def store_sms_card(rows: Rows, organization: Organization, former_sender: str | None, now: datetime) -> SmsEra | None:
    """Store the SMS card, disconnected; return the time when `former_sender`, if there was one, was connected."""
    integration = store_card(rows, organization, IntegrationKind.SMS)
    if former_sender is None:
        return None
    end = _sunday_noon(organization, now)
    connection = Connection(
        id=rows.next_id(Connection),
        organization_id=organization.id,
        integration_id=integration.id,
        provider=IntegrationProvider.SANDBOX,
        sender_kind=SenderKind.ALPHANUMERIC,
        sender=former_sender,
        created_at=end - _LASTED,
        disconnected_at=end,
    )
    integration.connected_at, integration.disconnected_at = end - _LASTED, end
    return SmsEra(rows.add(connection), integration, end - _LASTED, end)


def reset_reason(case: CollectionCase, moment: datetime, era: SmsEra | None) -> str | None:
    """Return what a step of `case` that is pending at `moment` says of its lost method."""
    return DISCONNECTED if era is not None and case.opened_at < era.end <= moment else None


def _sunday_noon(organization: Organization, now: datetime) -> datetime:
    """Return noon of a Sunday 7 to 13 days ago: then texts wait for Monday, and a disconnect stops them.

    Nearer than the gap to the next step of any case so interrupted, so that none of these is due today.
    """
    zone = ZoneInfo(organization.time_zone)
    today = (now + QUIET).astimezone(zone).date()
    sunday = today - timedelta(days=7 + today.isoweekday() % 7)
    return datetime.combine(sunday, time(12), zone).astimezone(ZoneInfo("UTC"))
