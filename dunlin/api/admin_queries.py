"""What an ADMIN can read: API tokens, and the audit trail."""

from typing import Annotated

import strawberry

from dunlin.api.context import Info
from dunlin.api.ids import decode_id
from dunlin.api.pages import After, Before, Connection, First, Last, Order, Window, connection_of, read_page
from dunlin.api.types.audit import AuditEntry
from dunlin.api.types.token import ApiToken
from dunlin.domain.choices import AuditAction, Permission

_TOKENS = Order("tokens")
_AUDIT = Order("audit", newest_first=True)


@strawberry.input(description="Which entries of the audit trail; those that fit everything given.")
class AuditFilter:
    organization_id: strawberry.ID | None = strawberry.field(default=None, description="Of this organization.")
    actions: list[AuditAction] | None = strawberry.field(default=None, description="One of these.")


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
        query = viewer.audit_trail()
        if filter is not None and filter.organization_id is not None:
            query = query.filter(organization_id=decode_id("Organization", filter.organization_id))
        if filter is not None and filter.actions is not None:
            query = query.filter(action__in=filter.actions)
        page = await read_page(query, _AUDIT, Window(first, after, last, before))
        return connection_of(page, _AUDIT, AuditEntry.of)
