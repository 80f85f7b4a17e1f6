"""Texts that come in, signed as the carrier signs them."""

from collections.abc import Mapping
from urllib.parse import urldefrag

import httpx
from twilio.request_validator import RequestValidator

from dunlin.domain.choices import IntegrationKind
from dunlin.domain.tables import Integration, Organization
from tests.build import PHONE
from tests.conftest import SANDBOX_ACCOUNT

Fields = Mapping[str, str]


def a_text(body: str = "I paid yesterday", *, number: int = 1, **changed: str) -> dict[str, str]:
    """The fields of a text from the number of the case that tests open; `number` makes it another one."""
    return {
        "ToCountry": "US",
        "SmsMessageSid": f"SM{number:032x}",
        "NumMedia": "0",
        "FromCity": "",
        "SmsStatus": "received",
        "Body": body,
        "To": SANDBOX_ACCOUNT.phone_numbers[0],
        "MessageSid": f"SM{number:032x}",
        "AccountSid": SANDBOX_ACCOUNT.sid,
        "From": PHONE,
        "ApiVersion": "2010-04-01",
        **changed,
    }


async def path_of(organization: Organization) -> str:
    integration = await Integration.get(organization_id=organization.id, kind=IntegrationKind.SMS)
    return f"/webhooks/twilio/inbound/{integration.inbound_key}"


def signed(http: httpx.AsyncClient, path: str, fields: Fields, key: str = SANDBOX_ACCOUNT.auth_token) -> dict[str, str]:
    address = urldefrag(str(http.base_url).rstrip("/") + path).url
    return {"X-Twilio-Signature": RequestValidator(key).compute_signature(address, dict(fields))}


async def post(http: httpx.AsyncClient, path: str, fields: Fields) -> httpx.Response:
    """Bring a text as the carrier does."""
    return await http.post(path, data=dict(fields), headers=signed(http, path, fields))


async def receive(http: httpx.AsyncClient, organization: Organization, body: str, **changed: str) -> None:
    """Bring a text to an organization, each time as another message."""
    path = await path_of(organization)
    receive.count += 1  # type: ignore[attr-defined]
    fields = a_text(body, number=receive.count, **changed)  # type: ignore[attr-defined]
    answered = await post(http, path, fields)
    assert answered.status_code == 200, answered.text


receive.count = 1_000  # type: ignore[attr-defined]
