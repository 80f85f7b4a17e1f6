"""What an ADMIN can read of tokens."""

import strawberry

from dunlin.api.context import Info
from dunlin.api.pages import After, Before, Connection, First, Last, Order, Window, connection_of, read_page
from dunlin.api.types.token import ApiToken
from dunlin.domain.choices import Permission

_ORDER = Order("tokens")


@strawberry.type
class TokenQuery:
    @strawberry.field(
        description="For ADMIN: the account's API tokens, also those out of force, oldest first. Who is of one "
        "organization sees that organization's only."
    )
    async def tokens(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[ApiToken]:
        viewer = info.context.reader
        viewer.require(Permission.ADMIN)
        page = await read_page(viewer.tokens(), _ORDER, Window(first, after, last, before))
        return connection_of(page, _ORDER, ApiToken.of)
