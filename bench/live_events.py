"""Delivery events that happen by themselves, and who watches them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.cases import Organization, an_organization, schedule_many
from dunlin.api.ids import encode_id
from dunlin.api.types.reminder import event_cursor
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.store import Change, Transaction
from dunlin.domain.tables import Reminder
from dunlin.runtime.wiring import Services

WATCH = """subscription Watch($id: ID!, $after: String) { deliveryStatus(organizationId: $id, after: $after) {
  cursor occurredAt status reason reminder { id status to } } }"""


@dataclass(frozen=True, slots=True)
class Watched:
    """An organization with one reminder, of which one event is known: that it was planned."""

    services: Services
    organization: Organization
    reminder: Reminder

    @property
    def subscribe(self) -> Mapping[str, object]:
        """What each subscriber asks for: all events, so that the one that is known says that it is being told."""
        variables = {
            "id": encode_id("Organization", self.organization.id),
            "after": event_cursor(self.organization.id, 0),
        }
        return {"query": WATCH, "variables": variables}

    async def happen(self) -> None:
        """Commit one event of the reminder and ring for it, as every action does."""
        change = Change(
            self.organization.id, self.reminder.case_id, self.reminder.id, ReminderStatus.SENT, datetime.now(UTC)
        )

        async def record(transaction: Transaction) -> None:
            transaction.record([change])

        await self.services.store.transact(record)


async def a_watched_organization(services: Services) -> Watched:
    organization = await an_organization(services)
    await schedule_many(services, organization, 1)
    return Watched(services, organization, await Reminder.get(organization_id=organization.id))
