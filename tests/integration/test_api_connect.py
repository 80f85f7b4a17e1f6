"""connectIntegration and disconnectIntegration: checked with the carrier, confirmed by a person, or refused whole."""

import json
import socket
from collections.abc import Iterator

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.channels.twilio import TwilioChannel
from dunlin.channels.twilio_transport import Transport
from dunlin.domain.actions.connect_integration import connect_integration
from dunlin.domain.channel import Channels
from dunlin.domain.choices import IntegrationKind, IntegrationProvider
from dunlin.domain.errors import ProblemCode, Refusal
from dunlin.domain.tables import Organization
from dunlin.runtime.wiring import Services
from dunlin.sandbox.account import Account, MessagingService
from tests.build import NOW, a_cycle, a_token, a_viewer, an_organization, connect_sms, everything_stored, open_one
from tests.client import JSON, ask, mutate, problems
from tests.conftest import SANDBOX_ACCOUNT, SandboxCarrier

OWN = Account(
    sid="AC" + "01" * 16,
    auth_token="0a" * 16,
    phone_numbers=("+447700900200",),
    messaging_services=(MessagingService(sid="MG" + "02" * 16, phone_numbers=("+447700900200",)),),
    api_keys={"SK" + "03" * 16: "s3cret"},
)
SUSPENDED = Account(sid="AC" + "04" * 16, auth_token="0b" * 16, status="suspended", phone_numbers=("+447700900201",))
CARD = "integration { kind status provider sender connectedAt disconnectedAt attentionReason }"


@pytest.fixture(autouse=True)
def more_accounts(sandbox: SandboxCarrier) -> Iterator[None]:
    added = {account.sid: account for account in (OWN, SUSPENDED)}
    sandbox.world.accounts.update(added)
    yield
    for sid in added:
        del sandbox.world.accounts[sid]


@pytest_asyncio.fixture
async def organization(services: Services) -> Organization:
    return await an_organization()


@pytest_asyncio.fixture
async def token(services: Services, organization: Organization) -> str:
    return await a_token(services, organization)


def connecting(organization: Organization, **twilio: object) -> JSON:
    """Connect with an account of one's own, changed by `twilio`; without, with the operator's."""
    given: JSON = {"organizationId": encode_id("Organization", organization.id), "kind": "SMS"}
    own = {"accountSid": OWN.sid, "authToken": OWN.auth_token, "sender": {"phoneNumber": OWN.phone_numbers[0]}}
    return given | ({"twilio": own | twilio} if twilio else {})


def disconnecting(organization: Organization, **changed: object) -> JSON:
    return {"organizationId": encode_id("Organization", organization.id), "kind": "SMS", "confirmed": True, **changed}


async def test_without_an_account_the_sandbox_is_connected(
    http: httpx.AsyncClient, organization: Organization, token: str
) -> None:
    payload = await mutate(http, token, "connectIntegration", CARD, connecting(organization))

    assert problems(payload) == []
    card = payload["integration"]
    assert card.pop("connectedAt")
    assert card == {
        "kind": "SMS",
        "status": "CONNECTED",
        "provider": "SANDBOX",
        "sender": SANDBOX_ACCOUNT.phone_numbers[0],
        "disconnectedAt": None,
        "attentionReason": None,
    }


@pytest.mark.parametrize(
    ("twilio", "sender"),
    [
        pytest.param({"sender": {"phoneNumber": "+447700900200"}}, "+447700900200", id="number"),
        pytest.param({"sender": {"messagingServiceSid": "MG" + "02" * 16}}, "MG" + "02" * 16, id="service"),
        pytest.param({"sender": {"alphanumeric": "Waterworks"}}, "Waterworks", id="name"),
        pytest.param({"apiKeySid": "SK" + "03" * 16, "apiKeySecret": "s3cret"}, "+447700900200", id="api-key"),
        pytest.param({"authToken": f" {OWN.auth_token}\n"}, "+447700900200", id="token-with-blanks"),
    ],
)
async def test_an_account_of_ones_own_is_connected(
    http: httpx.AsyncClient, organization: Organization, token: str, twilio: JSON, sender: str
) -> None:
    payload = await mutate(http, token, "connectIntegration", CARD, connecting(organization, **twilio))

    assert problems(payload) == []
    assert (payload["integration"]["provider"], payload["integration"]["sender"]) == ("TWILIO", sender)


@pytest.mark.parametrize(
    ("twilio", "code", "path"),
    [
        pytest.param({"accountSid": "AC1"}, "CREDENTIALS_REJECTED", "twilio.accountSid", id="short-sid"),
        pytest.param({"accountSid": "AC" + "09" * 16}, "CREDENTIALS_REJECTED", "twilio.accountSid", id="unknown-sid"),
        pytest.param({"accountSid": "../x"}, "CREDENTIALS_REJECTED", "twilio.accountSid", id="sid-as-a-path"),
        pytest.param({"authToken": "0c" * 16}, "CREDENTIALS_REJECTED", "twilio.accountSid", id="wrong-token"),
        pytest.param({"authToken": ""}, "CREDENTIALS_REJECTED", "twilio.accountSid", id="no-token"),
        pytest.param({"authToken": "é\0"}, "CREDENTIALS_REJECTED", "twilio.accountSid", id="token-beyond-ascii"),
        pytest.param({"authToken": "0\r\nX: 1"}, "CREDENTIALS_REJECTED", "twilio.accountSid", id="token-of-two-lines"),
        pytest.param(
            {"accountSid": SUSPENDED.sid, "authToken": SUSPENDED.auth_token},
            "CREDENTIALS_REJECTED",
            "twilio.accountSid",
            id="suspended-account",
        ),
        pytest.param(
            {"apiKeySid": "SK" + "03" * 16, "apiKeySecret": "wrong"},
            "CREDENTIALS_REJECTED",
            "twilio.accountSid",
            id="wrong-key",
        ),
        pytest.param(
            {"apiKeySid": "SK" + "03" * 16}, "CREDENTIALS_REJECTED", "twilio.accountSid", id="key-without-secret"
        ),
        pytest.param(
            {"sender": {"phoneNumber": SANDBOX_ACCOUNT.phone_numbers[0]}},
            "SENDER_REJECTED",
            "twilio.sender",
            id="number-of-another-account",
        ),
        pytest.param({"sender": {"phoneNumber": "+4477009002"}}, "SENDER_REJECTED", "twilio.sender", id="part-number"),
        pytest.param(
            {"sender": {"messagingServiceSid": "MG" + "09" * 16}}, "SENDER_REJECTED", "twilio.sender", id="no-service"
        ),
        pytest.param(
            {"sender": {"messagingServiceSid": "MG/.."}}, "SENDER_REJECTED", "twilio.sender", id="service-as-a-path"
        ),
        pytest.param(
            {"sender": {"alphanumeric": "The Waterworks"}}, "SENDER_REJECTED", "twilio.sender", id="12-letters"
        ),
        pytest.param({"sender": {"alphanumeric": "12345"}}, "SENDER_REJECTED", "twilio.sender", id="digits-only"),
        pytest.param({"sender": {"alphanumeric": "Wat\0r"}}, "SENDER_REJECTED", "twilio.sender", id="name-with-nul"),
    ],
)
async def test_what_the_carrier_does_not_accept_is_not_stored(
    http: httpx.AsyncClient, organization: Organization, token: str, twilio: JSON, code: str, path: str
) -> None:
    before = await everything_stored()

    payload = await mutate(http, token, "connectIntegration", CARD, connecting(organization, **twilio))

    assert problems(payload) == [(code, path)]
    assert payload["integration"] is None
    assert OWN.auth_token not in json.dumps(payload)
    assert await everything_stored() == before


async def test_a_carrier_that_cannot_be_reached_is_said_to_be_unavailable_and_nothing_is_stored(
    services: Services, organization: Organization
) -> None:
    before = await everything_stored()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with Transport(f"http://127.0.0.1:{closed.getsockname()[1]}") as transport:
            with pytest.raises(Refusal) as refused:
                await connect_integration(
                    services.store,
                    a_viewer(organization),
                    Channels({IntegrationProvider.SANDBOX: TwilioChannel("http://127.0.0.1", transport)}, {}),
                    services.vault,
                    organization_id=organization.id,
                    kind=IntegrationKind.SMS,
                    account=services.default_accounts[IntegrationKind.SMS],
                    now=NOW,
                )

    assert [problem.code for problem in refused.value.problems] == [ProblemCode.CARRIER_UNAVAILABLE]
    assert await everything_stored() == before


async def test_an_operator_without_an_account_asks_for_ones_own(services: Services, organization: Organization) -> None:
    with pytest.raises(Refusal) as refused:
        await connect_integration(
            services.store,
            a_viewer(organization),
            services.channels,
            services.vault,
            organization_id=organization.id,
            kind=IntegrationKind.SMS,
            account=None,
            now=NOW,
        )

    assert [(problem.code, problem.path) for problem in refused.value.problems] == [(ProblemCode.REQUIRED, ("twilio",))]


async def test_connecting_twice_is_refused_and_shows_what_is_connected(
    http: httpx.AsyncClient, organization: Organization, token: str
) -> None:
    first = await mutate(http, token, "connectIntegration", CARD, connecting(organization))
    before = await everything_stored()

    again = await mutate(http, token, "connectIntegration", CARD, connecting(organization, authToken=OWN.auth_token))

    assert problems(again) == [("ALREADY_CONNECTED", "kind")]
    assert again["integration"] == first["integration"]
    assert await everything_stored() == before


async def test_the_keys_of_an_account_can_be_read_neither_in_the_api_nor_in_the_database(
    http: httpx.AsyncClient, organization: Organization, token: str
) -> None:
    await mutate(http, token, "connectIntegration", CARD, connecting(organization, authToken=OWN.auth_token))

    stored = json.dumps(await everything_stored())

    assert OWN.auth_token not in stored
    assert OWN.auth_token.encode().hex() not in stored


@pytest.mark.parametrize(
    ("changed", "code", "path"),
    [
        pytest.param({"confirmed": False}, "CONFIRMATION_REQUIRED", "confirmed", id="not-confirmed"),
        pytest.param({"impactToken": "0" * 32}, "IMPACT_CHANGED", "impactToken", id="another-impact"),
        pytest.param({"impactToken": ""}, "IMPACT_CHANGED", "impactToken", id="empty-impact-token"),
        pytest.param({"impactToken": "\0"}, "IMPACT_CHANGED", "impactToken", id="nul-as-impact-token"),
    ],
)
async def test_disconnecting_unconfirmed_or_for_another_impact_is_refused(
    http: httpx.AsyncClient,
    services: Services,
    organization: Organization,
    token: str,
    changed: JSON,
    code: str,
    path: str,
) -> None:
    await connect_sms(services, organization)
    await open_one(services, await a_cycle(organization))
    before = await everything_stored()

    payload = await mutate(
        http,
        token,
        "disconnectIntegration",
        "integration { id } impact { steps }",
        disconnecting(organization, **changed),
    )

    assert problems(payload) == [(code, path)]
    assert (payload["integration"], payload["impact"]) == (None, None)
    assert await everything_stored() == before


async def test_what_is_not_connected_cannot_be_disconnected(
    http: httpx.AsyncClient, organization: Organization, token: str
) -> None:
    before = await everything_stored()

    payload = await mutate(http, token, "disconnectIntegration", "", disconnecting(organization))

    assert problems(payload) == [("NOT_CONNECTED", "kind")]
    assert await everything_stored() == before


async def test_an_impact_that_was_read_before_another_case_opened_does_not_count_any_more(
    http: httpx.AsyncClient, services: Services, organization: Organization, token: str
) -> None:
    await connect_sms(services, organization)
    cycle = await a_cycle(organization)
    query = "{ organizations { nodes { integration(kind: SMS) { disconnectImpact { cases consequences token } } } } }"
    seen = (await ask(http, token, query))["organizations"]["nodes"][0]["integration"]["disconnectImpact"]
    await open_one(services, cycle)

    stale = await mutate(
        http, token, "disconnectIntegration", "", disconnecting(organization, impactToken=seen["token"])
    )

    assert problems(stale) == [("IMPACT_CHANGED", "impactToken")]
    fresh = (await ask(http, token, query))["organizations"]["nodes"][0]["integration"]["disconnectImpact"]
    done = await mutate(
        http,
        token,
        "disconnectIntegration",
        "impact { cases } integration { status sender provider disconnectedAt }",
        disconnecting(organization, impactToken=fresh["token"]),
    )
    assert problems(done) == []
    assert (seen["cases"], fresh["cases"], done["impact"]["cases"]) == (0, 1, 1)
    assert "1 open case will not send the SMS reminders still ahead." in fresh["consequences"]
    assert done["integration"].pop("disconnectedAt")
    assert done["integration"] == {"status": "DISCONNECTED", "sender": None, "provider": None}
