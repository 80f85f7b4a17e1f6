"""What one would write for a page: Strawberry over Tortoise as their documentation shows.

Types with resolvers, rows by the ORM, relations through the DataLoaders that Strawberry's guide recommends against one
statement per row. Nobody is authenticated, nothing is limited.
"""

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader

from bench.page_query import PAGE_SIZE
from dunlin.domain import tables
from dunlin.runtime.database import open_database
from dunlin.runtime.settings import read_settings

Info = strawberry.Info[dict[str, Any], None]


def _id(name: str, row_id: int) -> strawberry.ID:
    return strawberry.ID(base64.b64encode(f"{name}:{row_id}".encode()).decode())


@strawberry.type
class Customer:
    id: strawberry.ID
    name: str
    phone: str | None


def _written(amount: Decimal) -> str:
    places = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:.{places}f}"


@strawberry.type
class Money:
    amount: str
    currency: str


@strawberry.type(name="CollectionCase")
class Case:
    row: strawberry.Private[tables.CollectionCase]
    id: strawberry.ID
    number: str
    state: str
    due_on: date
    amount_due: Money

    @strawberry.field
    async def customer(self, info: Info) -> Customer:
        row: tables.Customer = await info.context["customers"].load(self.row.customer_id)
        return Customer(id=_id("Customer", row.id), name=row.name, phone=row.phone)


@strawberry.type
class Reminder:
    row: strawberry.Private[tables.Reminder]
    id: strawberry.ID
    status: str
    scheduled_for: datetime
    to: str
    text: str

    @strawberry.field
    async def case(self, info: Info) -> Case:
        row: tables.CollectionCase = await info.context["cases"].load(self.row.case_id)
        return Case(
            row=row,
            id=_id("CollectionCase", row.id),
            number=row.number,
            state=row.state.value,
            due_on=row.due_on,
            amount_due=Money(amount=_written(row.amount_due), currency=row.currency),
        )


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Reminders:
    nodes: list[Reminder]
    page_info: PageInfo


@strawberry.type
class Organization:
    row_id: strawberry.Private[int]

    @strawberry.field
    async def reminders(self, first: int = PAGE_SIZE, after: str | None = None) -> Reminders:
        query = tables.Reminder.filter(organization_id=self.row_id)
        if after is not None:
            query = query.filter(id__lt=int(base64.urlsafe_b64decode(after).decode().rsplit(":", 1)[1]))
        found = await query.order_by("-id").limit(first + 1)
        shown = found[:first]
        end = f"reminders:{self.row_id}:{shown[-1].id}" if shown else None
        return Reminders(
            nodes=[
                Reminder(
                    row=row,
                    id=_id("Reminder", row.id),
                    status=row.status.value,
                    scheduled_for=row.scheduled_for,
                    to=row.to,
                    text=row.text,
                )
                for row in shown
            ],
            page_info=PageInfo(
                has_next_page=len(found) > first,
                end_cursor=None if end is None else base64.urlsafe_b64encode(end.encode()).decode(),
            ),
        )


@strawberry.type
class Query:
    @strawberry.field
    async def organization(self, id: strawberry.ID) -> Organization:  # noqa: A002
        row = await tables.Organization.get(id=int(base64.b64decode(id).decode().split(":")[1]))
        return Organization(row_id=row.id)


async def _cases(ids: Sequence[int]) -> list[tables.CollectionCase]:
    found = await tables.CollectionCase.in_bulk(ids)
    return [found[row_id] for row_id in ids]


async def _customers(ids: Sequence[int]) -> list[tables.Customer]:
    found = await tables.Customer.in_bulk(ids)
    return [found[row_id] for row_id in ids]


class _GraphQL(GraphQL[dict[str, Any], None]):
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> dict[str, Any]:
        return {"cases": DataLoader(load_fn=_cases), "customers": DataLoader(load_fn=_customers)}


async def ready(request: Request) -> Response:
    return Response()


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    url = read_settings().database_url
    assert url is not None
    async with open_database(url):
        yield


app = Starlette(
    routes=[Route("/graphql", _GraphQL(strawberry.Schema(query=Query))), Route("/ready", ready)], lifespan=_lifespan
)
