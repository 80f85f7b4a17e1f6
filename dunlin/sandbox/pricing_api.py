"""The price list, as at pricing.twilio.com."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dunlin.sandbox.basic_auth import owner
from dunlin.sandbox.exchange import answer
from dunlin.sandbox.page import Page
from dunlin.sandbox.price import COUNTRIES, Country
from dunlin.sandbox.refusal import Refusal
from dunlin.sandbox.world import World

_COUNTRIES = "https://pricing.twilio.com/v1/Messaging/Countries"


class PricingApi:
    """The routes of the pricing product."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.routes = [
            Route("/pricing/v1/Messaging/Countries", self.list_countries),
            Route("/pricing/v1/Messaging/Countries/{iso}", self.fetch_country),
        ]

    async def list_countries(self, request: Request) -> Response:
        owner(request, self._world)
        page = Page.of(list(COUNTRIES.values()), request.query_params, sid=lambda country: country.iso)
        return answer(page.product_envelope(_COUNTRIES, "countries", [_naming(country) for country in page.rows]))

    async def fetch_country(self, request: Request) -> Response:
        owner(request, self._world)
        country = COUNTRIES.get(request.path_params["iso"].upper())
        if country is None:
            raise Refusal(20404, path=request.url.path.removeprefix("/pricing/v1"))
        return answer(_naming(country) | _prices(country))


def _naming(country: Country) -> dict[str, object]:
    return {"country": country.name, "iso_country": country.iso, "url": f"{_COUNTRIES}/{country.iso}"}


def _prices(country: Country) -> dict[str, object]:
    mobile = [
        {
            "number_type": "mobile",
            "base_price": f"{country.price:.4f}",
            "current_price": f"{country.price:.4f}",
        }
    ]
    outbound = {"carrier": country.carrier, "mcc": country.mcc, "mnc": country.mnc, "prices": mobile}
    return {"price_unit": "USD", "outbound_sms_prices": [outbound], "inbound_sms_prices": mobile}
