"""What an ADMIN can read: API tokens, and the audit trail."""

from typing import Annotated

import strawberry

from dunlin.api.connection import read_connection
from dunlin.api.context import Info
from dunlin.api.ids import decode_id
from dunlin.api.listing import Choice, Condition, Listing, Walk
from dunlin.api.pages import After, Before, Connection, First, Last, Order, Window, connection_of, read_page
from dunlin.api.types.audit import AuditEntry
from dunlin.api.types.token import ApiToken
from dunlin.domain import tables
from dunlin.domain.choices import AuditAction, Permission
from dunlin.domain.viewer import Viewer

_TOKENS = Order("tokens")
_AUDIT = Listing(tables.AuditEntry, Walk(("t.account_id",)), Order("audit", newest_first=True))


@strawberry.input(description="Which entries of the audit trail; those that fit everything given.")
class AuditFilter:
    organization_id: strawberry.ID | None = strawberry.field(default=None, description="Of this organization.")
    actions: list[AuditAction] | None = strawberry.field(default=None, description="One of these.")

    def choice(self, viewer: Viewer) -> Choice[tables.AuditEntry]:
        """Return the entries, of those that the viewer may see, as `Viewer.audit_trail` tells."""
        actions = () if self.actions is None else (Condition("t.action = ANY({})", tuple(self.actions)),)
        organizations = viewer.organization_ids
        if self.organization_id is not None:
            wanted = decode_id("Organization", self.organization_id)
            organizations = frozenset({wanted}) if organizations is None else organizations & {wanted}
        if organizations is not None:
            walk = Walk(("t.organization_id",), _THEIRS, tuple(str(one) for one in organizations))
            return Choice(_AUDIT, actions, walk)
        if self.actions is not None:
            walk = Walk(("t.account_id", "t.action"), "SELECT parent.id, unnest({})", tuple(self.actions))
            return Choice(_AUDIT, walk=walk)
        return Choice(_AUDIT)


_THEIRS = "SELECT o.id FROM organization o WHERE o.account_id = parent.id AND o.id = ANY({}::bigint[])"


@strawberry.type
class AdminQuery:
    @strawberry.field(
        description="For ADMIN: the account's API tokens, also those out of force, oldest first. Who is of some "
        "organizations sees those that open nothing else."
    )
    async def tokens(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[ApiToken]:
        viewer = info.context.reader
        viewer.require(Permission.ADMIN)
        page = await read_page(viewer.tokens(), _TOKENS, Window(first, after, last, before))
        return connection_of(page, _TOKENS, ApiToken.of)

    @strawberry.field(
        description="For ADMIN: who did what, when and from where, newest first. Who is of some organizations sees "
        "what concerns these."
    )
    async def audit_trail(
        self,
        info: Info,
        filter: Annotated[AuditFilter | None, strawberry.argument(description="Which entries.")] = None,  # noqa: A002
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[AuditEntry]:
        viewer = info.context.reader
        viewer.require(Permission.ADMIN)
        choice = (filter or AuditFilter()).choice(viewer)
        window = Window(first, after, last, before)
        return await read_connection(info, choice, viewer.account_id, window, AuditEntry.of)
