"""What one would write for live events: each subscriber listens to Redis by itself and reads each event by the ORM."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import strawberry
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL

from dunlin.domain import tables
from dunlin.runtime.database import open_database
from dunlin.runtime.settings import read_settings

CHANNEL = "bench:events"

Info = strawberry.Info[dict[str, Redis], None]


@strawberry.type
class Reminder:
    id: strawberry.ID
    status: str
    to: str


@strawberry.type
class DeliveryStatusEvent:
    row: strawberry.Private[tables.DeliveryEvent]
    cursor: str
    occurred_at: datetime
    status: str
    reason: str | None

    @strawberry.field
    async def reminder(self) -> Reminder:
        row = await tables.Reminder.get(id=self.row.reminder_id)
        return Reminder(id=strawberry.ID(str(row.id)), status=row.status.value, to=row.to)


@strawberry.type
class Query:
    @strawberry.field
    def nothing(self) -> str:
        return ""


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def delivery_status(
        self, info: Info, organization_id: strawberry.ID, after: str | None = None
    ) -> AsyncGenerator[DeliveryStatusEvent, None]:
        async with info.context["redis"].pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(CHANNEL)
            async for message in channel.listen():
                row = await tables.DeliveryEvent.get(id=int(message["data"]))
                yield DeliveryStatusEvent(
                    row=row,
                    cursor=str(row.sequence),
                    occurred_at=row.occurred_at,
                    status=row.status.value,
                    reason=row.reason,
                )


async def ready(request: Request) -> Response:
    return Response()


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    settings = read_settings()
    assert settings.database_url is not None
    assert settings.redis_url is not None
    async with open_database(settings.database_url), Redis.from_url(settings.redis_url) as app.state.redis:
        yield


class _GraphQL(GraphQL[dict[str, Redis], None]):
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> dict[str, Redis]:
        return {"redis": request.app.state.redis}


_graphql = _GraphQL(strawberry.Schema(query=Query, subscription=Subscription))
app = Starlette(routes=[WebSocketRoute("/graphql", _graphql), Route("/ready", ready)], lifespan=_lifespan)
