"""Accounts, their balance and their numbers, as at api.twilio.com."""

import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dunlin.sandbox.account import Account
from dunlin.sandbox.basic_auth import caller, owner
from dunlin.sandbox.exchange import answer, read_form
from dunlin.sandbox.message_resource import CORE
from dunlin.sandbox.page import Page
from dunlin.sandbox.refusal import Refusal
from dunlin.sandbox.webhook import is_web_address
from dunlin.sandbox.world import World

OPENED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_DATES = {"date_created": format_datetime(OPENED_AT), "date_updated": format_datetime(OPENED_AT)}


class AccountApi:
    """The routes about one account and what belongs to it."""

    def __init__(self, world: World) -> None:
        self._world = world
        account = f"{CORE}/{{account_sid}}"
        self.routes = [
            Route(f"{account}.json", self.fetch_account),
            Route(f"{account}/Balance.json", self.fetch_balance),
            Route(f"{account}/IncomingPhoneNumbers.json", self.list_numbers),
            Route(f"{account}/IncomingPhoneNumbers/{{sid}}.json", self.fetch_number, methods=["GET"]),
            Route(f"{account}/IncomingPhoneNumbers/{{sid}}.json", self.update_number, methods=["POST"]),
            Route(f"{account}/SMS/ShortCodes.json", self.list_short_codes),
        ]

    async def fetch_account(self, request: Request) -> Response:
        # A Standard API key may not read this, which says nothing about the key.
        if caller(request, self._world).is_key:
            raise Refusal(20003)
        return answer(_account_resource(owner(request, self._world)))

    async def fetch_balance(self, request: Request) -> Response:
        account = owner(request, self._world)
        return answer({"account_sid": account.sid, "balance": "100.00", "currency": "USD"})

    async def list_numbers(self, request: Request) -> Response:
        account = owner(request, self._world)
        wanted = request.query_params.get("PhoneNumber", "")
        rows = [number for number in account.phone_numbers if wanted in number]
        page = Page.of(rows, request.query_params, sid=str)
        resources = [self._number_resource(account, number) for number in page.rows]
        filters = {"PhoneNumber": wanted} if wanted else {}
        return answer(page.core_envelope(request.url.path, filters, "incoming_phone_numbers", resources))

    async def fetch_number(self, request: Request) -> Response:
        account = owner(request, self._world)
        return answer(self._number_resource(account, _number(request, account)))

    async def update_number(self, request: Request) -> Response:
        """Change where the number's texts are brought; whatever else is asked for stays as it is."""
        account = owner(request, self._world)
        number = _number(request, account)
        form = await read_form(request)
        if "SmsUrl" in form:
            if form["SmsUrl"] and not is_web_address(form["SmsUrl"]):
                raise Refusal(20001, name="SmsUrl")
            self._world.switchboard.set_address(account.sid, number, form["SmsUrl"])
        return answer(self._number_resource(account, number))

    async def list_short_codes(self, request: Request) -> Response:
        account = owner(request, self._world)
        wanted = request.query_params.get("ShortCode", "")
        page = Page.of([code for code in account.short_codes if wanted in code], request.query_params, sid=str)
        resources = [_short_code_resource(account, code) for code in page.rows]
        filters = {"ShortCode": wanted} if wanted else {}
        return answer(page.core_envelope(request.url.path, filters, "short_codes", resources))

    def _number_resource(self, account: Account, number: str) -> dict[str, object]:
        sid = sender_sid("PN", account, number)
        return {
            "sid": sid,
            "account_sid": account.sid,
            "friendly_name": number,
            "phone_number": number,
            "origin": "twilio",
            "beta": False,
            "address_requirements": "none",
            "capabilities": {"voice": False, "sms": True, "mms": False, "fax": False},
            "status": "in-use",
            "sms_url": self._world.switchboard.address(account.sid, number),
            "sms_method": "POST",
            "sms_fallback_url": "",
            "sms_fallback_method": "POST",
            "sms_application_sid": "",
            "status_callback": "",
            "status_callback_method": "POST",
            "api_version": "2010-04-01",
            "uri": f"{CORE}/{account.sid}/IncomingPhoneNumbers/{sid}.json",
            **_DATES,
        }


def sender_sid(prefix: str, account: Account, sender: str) -> str:
    """Return the id of a number, code or name: the same in every run and every list."""
    return prefix + hashlib.sha256((account.sid + sender).encode()).hexdigest()[:32]


def _account_resource(account: Account) -> dict[str, object]:
    uri = f"{CORE}/{account.sid}"
    parts = {"balance": "Balance", "incoming_phone_numbers": "IncomingPhoneNumbers", "messages": "Messages"}
    return {
        "sid": account.sid,
        "auth_token": account.auth_token,
        "friendly_name": account.friendly_name,
        "owner_account_sid": account.sid,
        "status": account.status,
        "type": "Full",
        "subresource_uris": {name: f"{uri}/{path}.json" for name, path in parts.items()},
        "uri": f"{uri}.json",
        **_DATES,
    }


def _number(request: Request, account: Account) -> str:
    """Return the number of an account that the path names."""
    for number in account.phone_numbers:
        if sender_sid("PN", account, number) == request.path_params["sid"]:
            return number
    raise Refusal(20404, path=request.url.path)


def _short_code_resource(account: Account, code: str) -> dict[str, object]:
    sid = sender_sid("SC", account, code)
    return {
        "sid": sid,
        "account_sid": account.sid,
        "friendly_name": code,
        "short_code": code,
        "sms_url": None,
        "sms_method": "POST",
        "sms_fallback_url": None,
        "sms_fallback_method": "POST",
        "api_version": "2010-04-01",
        "uri": f"{CORE}/{account.sid}/SMS/ShortCodes/{sid}.json",
        **_DATES,
    }
