"""What one would write for callbacks: the signature is checked, then one transaction through the ORM for each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tortoise.transactions import in_transaction
from twilio.request_validator import RequestValidator

from bench.account import CREDENTIALS, PUBLIC_URL
from dunlin.domain.reminder_status import ReminderStatus, moves_forward
from dunlin.domain.tables import DeliveryEvent, DeliverySequence, Reminder, SendAttempt
from dunlin.runtime.database import open_database
from dunlin.runtime.settings import read_settings

_validator = RequestValidator(CREDENTIALS.auth_token)


async def take(request: Request) -> Response:
    form = await request.form()
    if not _validator.validate(PUBLIC_URL + request.url.path, form, request.headers["x-twilio-signature"]):
        return Response(status_code=403)
    status = ReminderStatus(str(form["MessageStatus"]).upper())
    async with in_transaction():
        attempt = await SendAttempt.get(correlation=request.path_params["correlation"])
        reminder = await Reminder.select_for_update().get(id=attempt.reminder_id)
        if moves_forward(reminder.status, status):
            await _change(reminder, status)
    return Response(status_code=204)


async def _change(reminder: Reminder, status: ReminderStatus) -> None:
    now = datetime.now(UTC)
    reminder.status, reminder.delivered_at = status, now
    await reminder.save(update_fields=["status", "delivered_at"])
    sequence = await DeliverySequence.select_for_update().get(organization_id=reminder.organization_id)
    sequence.last_sequence += 1
    await sequence.save(update_fields=["last_sequence"])
    await DeliveryEvent.create(
        organization_id=reminder.organization_id,
        sequence=sequence.last_sequence,
        reminder_id=reminder.id,
        case_id=reminder.case_id,
        status=status,
        occurred_at=now,
    )


async def ready(request: Request) -> Response:
    return Response()


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    url = read_settings().database_url
    assert url is not None
    async with open_database(url):
        yield


app = Starlette(
    routes=[Route("/webhooks/twilio/{correlation}", take, methods=["POST"]), Route("/ready", ready)],
    lifespan=_lifespan,
)
