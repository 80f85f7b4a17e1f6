"""Messages, as at api.twilio.com: create, list, fetch, cancel, redact, delete."""

import asyncio
import secrets
from dataclasses import replace
from datetime import UTC, datetime

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dunlin.sandbox.account import Account
from dunlin.sandbox.basic_auth import caller, owner
from dunlin.sandbox.draft import read_draft
from dunlin.sandbox.exchange import answer, read_form
from dunlin.sandbox.message import Message, Status
from dunlin.sandbox.message_list import listed
from dunlin.sandbox.message_resource import CORE, message_resource
from dunlin.sandbox.misconduct import faulty_answer
from dunlin.sandbox.network import Network
from dunlin.sandbox.page import Page
from dunlin.sandbox.refusal import Refusal
from dunlin.sandbox.world import World

_LONGEST_WAIT_FOR_CALLBACK_S = 10
_FILTERS = ("To", "From", "DateSent", "DateSent<", "DateSent>")


class MessageApi:
    """The routes about messages."""

    def __init__(self, world: World, network: Network) -> None:
        self._world = world
        self._network = network
        messages = f"{CORE}/{{account_sid}}/Messages"
        self.routes = [
            Route(f"{messages}.json", self.create_message, methods=["POST"]),
            Route(f"{messages}.json", self.list_messages, methods=["GET"]),
            Route(f"{messages}/{{sid}}.json", self.update_message, methods=["POST"]),
            Route(f"{messages}/{{sid}}.json", self.fetch_message, methods=["GET"]),
            Route(f"{messages}/{{sid}}.json", self.delete_message, methods=["DELETE"]),
        ]

    async def create_message(self, request: Request) -> Response:
        account = _sending_account(request, self._world)
        form = await read_form(request)
        behaviour = self._world.behaviour
        fault = behaviour.draw_fault(self._world.chance)
        if fault and not fault.keeps_message:
            return await faulty_answer(fault, request, behaviour)
        now = datetime.now(UTC)
        draft = read_draft(form, account, self._world.accounts.values(), now)
        message = draft.message(f"SM{secrets.token_hex(16)}", account, now)
        if draft.sender and self._world.switchboard.refuses(account.sid, draft.sender, draft.to):
            raise Refusal(21610)
        if account.is_test:
            return answer(message_resource(message), 201)
        self._world.ledger.add(message)
        await asyncio.sleep(behaviour.answer_delay_s)
        if fault:
            self._network.carry(message)
            return await faulty_answer(fault, request, behaviour)
        return await self._created(message)

    async def list_messages(self, request: Request) -> Response:
        account = owner(request, self._world)
        messages = listed(self._world, account, request.query_params, datetime.now(UTC))
        page = Page.of(messages, request.query_params, sid=lambda message: message.sid)
        filters = {name: request.query_params[name] for name in _FILTERS if name in request.query_params}
        resources = [message_resource(message) for message in page.rows]
        return answer(page.core_envelope(request.url.path, filters, "messages", resources))

    async def fetch_message(self, request: Request) -> Response:
        return answer(message_resource(self._find(request)))

    async def update_message(self, request: Request) -> Response:
        message = self._find(request)
        form = await read_form(request)
        if "Status" in form and "Body" in form:
            raise Refusal(30400, reason="Status and Body exclude each other")
        if "Status" in form:
            message = self._cancel(message, form["Status"])
        elif "Body" in form:
            message = self._redact(message, form["Body"])
        return answer(message_resource(message))

    async def delete_message(self, request: Request) -> Response:
        message = self._find(request)
        if not message.status.is_final:
            raise Refusal(20009)
        self._world.ledger.delete(message)
        return Response(status_code=204)

    async def _created(self, message: Message) -> Response:
        response = answer(message_resource(message), 201)
        if self._world.behaviour.callback_before_answer and message.callback_url:
            await _wait(self._network.carry(message))
        else:
            response.background = BackgroundTask(self._carry, message)
        return response

    async def _carry(self, message: Message) -> None:
        # Starlette runs a background task that is no coroutine in a thread, where there is no event loop.
        self._network.carry(message)

    def _find(self, request: Request) -> Message:
        account = owner(request, self._world)
        message = self._world.ledger.find(request.path_params["sid"])
        if message is None or message.account_sid != account.sid:
            raise Refusal(20404, path=request.url.path)
        return message

    def _cancel(self, message: Message, status: str) -> Message:
        if status != Status.CANCELED:
            raise Refusal(30400, reason="Status can only become canceled")
        if message.status is not Status.SCHEDULED:
            raise Refusal(30409)
        canceled = replace(message, status=Status.CANCELED, updated_at=datetime.now(UTC))
        self._world.ledger.change(message, canceled)
        self._network.report(canceled)
        return canceled

    def _redact(self, message: Message, body: str) -> Message:
        if body:
            raise Refusal(30400, reason="Body can only become empty")
        if not message.status.is_final:
            raise Refusal(20009)
        redacted = replace(message, body="", updated_at=datetime.now(UTC))
        self._world.ledger.change(message, redacted)
        return redacted


def _sending_account(request: Request, world: World) -> Account:
    """Return the account that sends: test credentials may try, a suspended account may not."""
    account = caller(request, world).account
    if account.status == "suspended":
        raise Refusal(20005)
    return account


async def _wait(first_report: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(first_report.wait(), _LONGEST_WAIT_FOR_CALLBACK_S)
    except TimeoutError:
        # A scheduled message, or a receiver that hangs: answer without having called back.
        return
