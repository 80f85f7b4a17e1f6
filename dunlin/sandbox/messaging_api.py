"""Messaging services and their senders, as at messaging.twilio.com. Only where texts are brought can be changed."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dunlin.sandbox.account import Account, MessagingService
from dunlin.sandbox.account_api import OPENED_AT, sender_sid
from dunlin.sandbox.basic_auth import owner
from dunlin.sandbox.exchange import answer, read_form
from dunlin.sandbox.page import Page
from dunlin.sandbox.price import country_of
from dunlin.sandbox.refusal import Refusal
from dunlin.sandbox.webhook import is_web_address
from dunlin.sandbox.world import World

_SERVICES = "https://messaging.twilio.com/v1/Services"
_PARTS = {"phone_numbers": "PhoneNumbers", "short_codes": "ShortCodes", "alpha_senders": "AlphaSenders"}
_OPENED = OPENED_AT.strftime("%Y-%m-%dT%H:%M:%SZ")
_DATES = {"date_created": _OPENED, "date_updated": _OPENED}


class MessagingApi:
    """The routes of the messaging product."""

    def __init__(self, world: World) -> None:
        self._world = world
        services = "/messaging/v1/Services"
        self.routes = [
            Route(services, self.list_services),
            Route(f"{services}/{{service_sid}}", self.fetch_service, methods=["GET"]),
            Route(f"{services}/{{service_sid}}", self.update_service, methods=["POST"]),
            Route(f"{services}/{{service_sid}}/PhoneNumbers", self.list_phone_numbers),
            Route(f"{services}/{{service_sid}}/AlphaSenders", self.list_alpha_senders),
            Route(f"{services}/{{service_sid}}/ShortCodes", self.list_short_codes),
        ]

    async def list_services(self, request: Request) -> Response:
        account = owner(request, self._world)
        page = Page.of(account.messaging_services, request.query_params, sid=lambda service: service.sid)
        resources = [self._service_resource(account, service) for service in page.rows]
        return answer(page.product_envelope(_SERVICES, "services", resources))

    async def fetch_service(self, request: Request) -> Response:
        account = owner(request, self._world)
        return answer(self._service_resource(account, _service(request, account)))

    async def update_service(self, request: Request) -> Response:
        """Change where the service's texts are brought; whatever else is asked for stays as it is."""
        account = owner(request, self._world)
        service = _service(request, account)
        form = await read_form(request)
        if "InboundRequestUrl" in form:
            if form["InboundRequestUrl"] and not is_web_address(form["InboundRequestUrl"]):
                raise Refusal(20001, name="InboundRequestUrl")
            self._world.switchboard.set_address(account.sid, service.sid, form["InboundRequestUrl"])
        return answer(self._service_resource(account, service))

    async def list_phone_numbers(self, request: Request) -> Response:
        account = owner(request, self._world)
        service = _service(request, account)
        resources = [
            _sender_resource(account, service, "PhoneNumbers", sender_sid("PN", account, number))
            | {"phone_number": number, "country_code": country_of(number)}
            for number in service.phone_numbers
        ]
        return _sender_list(request, service, "phone_numbers", resources)

    async def list_alpha_senders(self, request: Request) -> Response:
        account = owner(request, self._world)
        service = _service(request, account)
        resources = [
            _sender_resource(account, service, "AlphaSenders", sender_sid("AI", account, name)) | {"alpha_sender": name}
            for name in service.alpha_senders
        ]
        return _sender_list(request, service, "alpha_senders", resources)

    async def list_short_codes(self, request: Request) -> Response:
        account = owner(request, self._world)
        service = _service(request, account)
        resources = [
            _sender_resource(account, service, "ShortCodes", sender_sid("SC", account, code))
            | {"short_code": code, "country_code": "US"}
            for code in service.short_codes
        ]
        return _sender_list(request, service, "short_codes", resources)

    def _service_resource(self, account: Account, service: MessagingService) -> dict[str, object]:
        url = f"{_SERVICES}/{service.sid}"
        return {
            "sid": service.sid,
            "account_sid": account.sid,
            "friendly_name": service.friendly_name,
            "inbound_request_url": self._world.switchboard.address(account.sid, service.sid) or None,
            "inbound_method": "POST",
            "fallback_url": None,
            "fallback_method": "POST",
            "status_callback": None,
            "sticky_sender": True,
            "mms_converter": True,
            "smart_encoding": False,
            "scan_message_content": "inherit",
            "fallback_to_long_code": False,
            "area_code_geomatch": False,
            "synchronous_validation": False,
            "validity_period": 36_000,
            "usecase": "notifications",
            "us_app_to_person_registered": False,
            "use_inbound_webhook_on_number": False,
            "url": url,
            "links": {key: f"{url}/{part}" for key, part in _PARTS.items()},
            **_DATES,
        }


def _service(request: Request, account: Account) -> MessagingService:
    service = account.service(request.path_params["service_sid"])
    if service is None:
        raise Refusal(20404, path=request.url.path.removeprefix("/messaging/v1"))
    return service


def _sender_list(
    request: Request, service: MessagingService, key: str, resources: Sequence[dict[str, object]]
) -> Response:
    page = Page.of(resources, request.query_params, sid=lambda resource: str(resource["sid"]))
    return answer(page.product_envelope(f"{_SERVICES}/{service.sid}/{_PARTS[key]}", key, page.rows))


def _sender_resource(account: Account, service: MessagingService, part: str, sid: str) -> dict[str, object]:
    return {
        "sid": sid,
        "account_sid": account.sid,
        "service_sid": service.sid,
        "capabilities": ["SMS"],
        "url": f"{_SERVICES}/{service.sid}/{part}/{sid}",
        **_DATES,
    }
