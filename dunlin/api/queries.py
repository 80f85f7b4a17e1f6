"""What can be read."""

from collections.abc import Callable
from typing import Annotated, Any, Self

import strawberry
from tortoise.models import Model
from tortoise.queryset import QuerySet

from dunlin.api.admin_queries import AdminQuery
from dunlin.api.context import Info
from dunlin.api.errors import bad_input, not_found
from dunlin.api.ids import actor_id, decode_any, decode_id
from dunlin.api.pages import MAX_PAGE, After, Before, Connection, First, Last, Order, Window, connection_of, read_page
from dunlin.api.preview import PreviewSmsInput, SmsPreview, read_preview
from dunlin.api.types.audit import AuditEntry
from dunlin.api.types.bank import BankImport
from dunlin.api.types.case import CaseStep, CollectionCase, Payment
from dunlin.api.types.customer import Customer, Mandate
from dunlin.api.types.cycle import CollectionCycle, CollectionStep
from dunlin.api.types.inbound import InboundText
from dunlin.api.types.integration import Integration
from dunlin.api.types.node import Node
from dunlin.api.types.organization import Organization
from dunlin.api.types.rate_limit import RateLimit
from dunlin.api.types.reminder import DeliveryStatusEvent, Reminder
from dunlin.api.types.token import ApiToken
from dunlin.domain import tables
from dunlin.domain.choices import Permission
from dunlin.domain.viewer import Viewer as DomainViewer

_ORDER = Order("organizations")


@strawberry.type(description="Who is asking: the bearer of a token, or a person who has signed in.")
class Viewer:
    id: strawberry.ID = strawberry.field(description="Stays the same as long as the token or the person does.")
    name: str = strawberry.field(description="The name of the token or the person.")
    permissions: list[Permission] = strawberry.field(description="What the viewer may do.")

    @classmethod
    def of(cls, viewer: DomainViewer) -> Self:
        permissions = [permission for permission in Permission if viewer.may(permission)]
        return cls(id=actor_id(viewer.actor.kind, viewer.actor.id), name=viewer.actor.name, permissions=permissions)


def _shapes(may_see: bool) -> dict[str, tuple[type[Model], Callable[[Any], Node]]]:
    """Every type with an id: its table and how its row is shown."""
    return {
        "ApiToken": (tables.Token, ApiToken.of),
        "AuditEntry": (tables.AuditEntry, AuditEntry.of),
        "Organization": (tables.Organization, Organization.of),
        "Integration": (tables.Integration, Integration.of),
        "CollectionCycle": (tables.CollectionCycle, CollectionCycle.of),
        "CollectionStep": (tables.CollectionStep, CollectionStep.of),
        "Customer": (tables.Customer, lambda row: Customer.of(row, may_see=may_see)),
        "CollectionCase": (tables.CollectionCase, CollectionCase.of),
        "CaseStep": (tables.CaseStep, CaseStep.of),
        "Mandate": (tables.Mandate, Mandate.of),
        "Payment": (tables.Payment, Payment.of),
        "Reminder": (tables.Reminder, lambda row: Reminder.of(row, may_see=may_see)),
        "DeliveryStatusEvent": (tables.DeliveryEvent, DeliveryStatusEvent.of),
        "BankImport": (tables.BankImport, BankImport.of),
        "InboundText": (tables.InboundText, lambda row: InboundText.of(row, may_see=may_see)),
    }


def _scope(viewer: DomainViewer, table: type[Model]) -> QuerySet[Any]:
    """Return the query of the rows that the viewer may see."""
    if table is tables.Organization:
        return viewer.organizations()
    if table is tables.Token:
        return viewer.tokens() if viewer.may(Permission.ADMIN) else tables.Token.filter(id__in=[])
    if table is tables.AuditEntry:
        return viewer.audit_trail() if viewer.may(Permission.ADMIN) else tables.AuditEntry.filter(id__in=[])
    return viewer.visible(table.all())


async def _find_nodes(info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
    """Return what the viewer may see, in the order of `ids`; one query per type."""
    viewer = info.context.reader
    shapes = _shapes(viewer.may(Permission.COLLECT))
    decoded = [decode_any(text) for text in ids]
    found: dict[tuple[str, int], Node] = {}
    for name, (table, shape) in shapes.items():
        wanted = {key[1] for key in decoded if key is not None and key[0] == name}
        if wanted:
            for row in await _scope(viewer, table).filter(id__in=wanted):
                found[name, row.pk] = shape(row)
    return [None if key is None else found.get(key) for key in decoded]


@strawberry.type(description="What can be read.")
class Query(AdminQuery):
    @strawberry.field(description="One object by its global id; null if there is none that the viewer may see.")
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="A global id.")],  # noqa: A002
    ) -> Node | None:
        return (await _find_nodes(info, [id]))[0]

    @strawberry.field(description="Several objects by their global ids, in that order, with null for those not found.")
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description=f"At most {MAX_PAGE} global ids.")],
    ) -> list[Node | None]:
        if len(ids) > MAX_PAGE:
            raise bad_input(f"ids has at most {MAX_PAGE} entries, not {len(ids)}.")
        return await _find_nodes(info, ids)

    @strawberry.field(description="Who is asking.")
    def viewer(self, info: Info) -> Viewer:
        return Viewer.of(info.context.viewer)

    @strawberry.field(description="The organizations that the viewer may see, oldest first.")
    async def organizations(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Organization]:
        page = await read_page(info.context.reader.organizations(), _ORDER, Window(first, after, last, before))
        return connection_of(page, _ORDER, Organization.of)

    @strawberry.field(description="One organization; NOT_FOUND if there is none that the viewer may see.")
    async def organization(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],  # noqa: A002
    ) -> Organization | None:
        reader = info.context.reader
        row = await info.context.services.organizations.get(decode_id("Organization", id))
        if row is None or not reader.covers(row):
            raise not_found("organization")
        return Organization.of(row)

    @strawberry.field(
        description="What a text would become: rendered, encoded, counted and priced, before anybody pays for it."
    )
    async def preview_sms(
        self,
        info: Info,
        input: Annotated[PreviewSmsInput, strawberry.argument(description="The text.")],  # noqa: A002
    ) -> SmsPreview:
        return await read_preview(info, input)

    @strawberry.field(
        description="What the viewer may still ask for. It is also told with every answer, as extensions.cost."
    )
    def rate_limit(self, info: Info) -> RateLimit:
        taken = info.context.taken
        assert taken is not None, "an operation that runs has been counted"
        return RateLimit.of(taken)
