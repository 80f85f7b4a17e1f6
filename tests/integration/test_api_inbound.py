"""Texts that come in: believed only as signed by the account of the address, kept once, shown to who may read them."""

import httpx
import pytest
import pytest_asyncio

from dunlin.api.ids import encode_id
from dunlin.domain.actions.destroy_credentials import destroy_credentials
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.choices import InboundTextKind, IntegrationKind, IntegrationStatus, Permission
from dunlin.domain.store import rows
from dunlin.domain.tables import InboundText, Integration, Organization
from dunlin.runtime.wiring import Services
from tests.build import (
    ALL_PERMISSIONS,
    NOW,
    PHONE,
    a_collecting_organization,
    a_token,
    a_viewer,
    an_organization,
    connect_sms,
    everything_stored,
    open_one,
)
from tests.client import ask, error_codes
from tests.conftest import SANDBOX_ACCOUNT
from tests.inbound import Fields, a_text, path_of, post, signed

URL = "{ organizations { nodes { integration(kind: SMS) { inboundUrl } } } }"
TEXTS = "{ organizations { nodes { inboundTexts { nodes { from to text kind receivedAt } } } } }"


@pytest_asyncio.fixture
async def organization(services: Services) -> Organization:
    organization, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    return organization


async def disconnect(services: Services, organization: Organization) -> None:
    await disconnect_integration(
        services.store,
        a_viewer(organization),
        organization_id=organization.id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=NOW,
    )


def without(field: str) -> dict[str, str]:
    return {name: value for name, value in a_text().items() if name != field}


async def test_a_text_that_comes_in_is_kept_and_answered_with_nothing(
    http: httpx.AsyncClient, organization: Organization
) -> None:
    answered = await post(http, await path_of(organization), a_text("  Déjà payé 👍 a+b & c "))

    assert answered.status_code == 200
    assert answered.headers["content-type"] == "text/xml; charset=utf-8"
    assert answered.text.endswith("<Response/>")
    kept = await InboundText.get()
    assert (kept.organization_id, kept.sender, kept.recipient) == (
        organization.id,
        PHONE,
        SANDBOX_ACCOUNT.phone_numbers[0],
    )
    assert (kept.text, kept.kind) == ("  Déjà payé 👍 a+b & c ", InboundTextKind.OTHER)


async def test_a_text_that_is_brought_again_is_kept_once(http: httpx.AsyncClient, organization: Organization) -> None:
    path = await path_of(organization)

    answers = [await post(http, path, a_text()) for _ in range(3)]
    other = await post(http, path, a_text(number=2))

    assert [answer.status_code for answer in (*answers, other)] == [200] * 4
    assert await InboundText.all().count() == 2


async def test_a_picture_without_words_and_a_nul_are_no_trouble(
    http: httpx.AsyncClient, organization: Organization
) -> None:
    pictures = {f"MediaUrl{place}": "https://api.twilio.com/" + "x" * 200 for place in range(10)}

    answers = [
        await post(http, await path_of(organization), a_text("", NumMedia="10") | pictures),
        await post(http, await path_of(organization), a_text("a\0b", number=2)),
        await post(http, await path_of(organization), a_text("👨‍👩‍👧" * 320, number=3)),
        await post(http, await path_of(organization), {**without("Body"), "MessageSid": "MM" + "4" * 32}),
    ]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert [text.text for text in await InboundText.all().order_by("id")] == ["", "ab", "👨‍👩‍👧" * 320, ""]


@pytest.mark.parametrize("sender", ["12345", "BPOST", "+32470123456"])
async def test_whoever_writes_is_kept_as_the_carrier_names_them(
    http: httpx.AsyncClient, organization: Organization, sender: str
) -> None:
    await post(http, await path_of(organization), a_text(From=sender))

    assert (await InboundText.get()).sender == sender


@pytest.mark.parametrize(
    ("sent", "signed_as", "key"),
    [
        pytest.param(a_text(), a_text(), "00" * 16, id="another-key"),
        pytest.param(a_text(), a_text(), "", id="empty-key"),
        pytest.param(a_text("STOP"), a_text("Hello"), SANDBOX_ACCOUNT.auth_token, id="changed-text"),
        pytest.param(a_text(From="+447700900009"), a_text(), SANDBOX_ACCOUNT.auth_token, id="changed-sender"),
        pytest.param(a_text(Extra="1"), a_text(), SANDBOX_ACCOUNT.auth_token, id="field-put-in"),
        pytest.param(without("Body"), a_text(), SANDBOX_ACCOUNT.auth_token, id="field-taken-out"),
        pytest.param(
            a_text(AccountSid="AC" + "09" * 16),
            a_text(AccountSid="AC" + "09" * 16),
            SANDBOX_ACCOUNT.auth_token,
            id="another-account",
        ),
        pytest.param(without("AccountSid"), without("AccountSid"), SANDBOX_ACCOUNT.auth_token, id="no-account"),
    ],
)
async def test_a_text_that_the_account_did_not_sign_is_refused_and_changes_nothing(
    http: httpx.AsyncClient, organization: Organization, sent: Fields, signed_as: Fields, key: str
) -> None:
    before = await everything_stored()
    path = await path_of(organization)

    refused = await http.post(path, data=dict(sent), headers=signed(http, path, signed_as, key))

    assert refused.status_code == 403
    assert error_codes(refused.json()) == ["FORBIDDEN"]
    assert await everything_stored() == before


@pytest.mark.parametrize("headers", [{}, {"X-Twilio-Signature": ""}, {"X-Twilio-Signature": "é"}], ids=str)
async def test_a_text_without_a_signature_is_refused(
    http: httpx.AsyncClient, organization: Organization, headers: dict[str, str]
) -> None:
    before = await everything_stored()
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}

    refused = await http.post(await path_of(organization), data=a_text(), headers=raw)

    assert refused.status_code == 403
    assert await everything_stored() == before


@pytest.mark.parametrize(
    "key", ["00000000-0000-0000-0000-000000000000", "unknown", "%00", "%ff", "..", "x" * 4_000, "1"]
)
async def test_a_well_signed_text_to_an_address_that_nobody_has_is_refused(
    http: httpx.AsyncClient, organization: Organization, key: str
) -> None:
    before = await everything_stored()

    refused = await post(http, f"/webhooks/twilio/inbound/{key}", a_text())

    assert refused.status_code in (403, 404)
    assert await everything_stored() == before


async def test_the_address_of_one_organization_takes_no_text_signed_for_another(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    other = await an_organization(name="Other")
    await connect_sms(services, other)
    ours, theirs = await path_of(organization), await path_of(other)

    refused = await http.post(ours, data=a_text(), headers=signed(http, theirs, a_text()))

    assert refused.status_code == 403
    assert await InboundText.all().count() == 0


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(without("MessageSid"), id="no-message"),
        pytest.param(a_text(MessageSid="SM" + "0" * 31 + "\0"), id="message-with-nul"),
        pytest.param(without("From"), id="no-sender"),
        pytest.param(a_text(From=""), id="empty-sender"),
        pytest.param(a_text(From="+\0"), id="sender-with-nul"),
        pytest.param(a_text(From="x" * 65), id="long-sender"),
        pytest.param(without("To"), id="no-recipient"),
    ],
)
async def test_a_signed_form_that_is_no_text_is_refused(
    http: httpx.AsyncClient, organization: Organization, fields: Fields
) -> None:
    before = await everything_stored()

    refused = await post(http, await path_of(organization), fields)

    assert refused.status_code == 400
    assert error_codes(refused.json()) == ["BAD_USER_INPUT"]
    assert await everything_stored() == before


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        pytest.param("application/json", b"{}", 400, id="json"),
        pytest.param("multipart/form-data; boundary=x", b"", 400, id="multipart"),
        pytest.param("", b"", 400, id="no-content-type"),
        pytest.param("application/x-www-form-urlencoded", b"\xff\xfe", 400, id="invalid-utf-8"),
        pytest.param("application/x-www-form-urlencoded", b"a=1&" * 101, 400, id="too-many-fields"),
        pytest.param("application/x-www-form-urlencoded", b"a" * 70_000, 413, id="huge"),
    ],
)
async def test_a_body_that_is_no_short_form_is_refused(
    http: httpx.AsyncClient, organization: Organization, content_type: str, body: bytes, status: int
) -> None:
    before = await everything_stored()
    path = await path_of(organization)

    refused = await http.post(path, content=body, headers=signed(http, path, a_text()) | {"Content-Type": content_type})

    assert refused.status_code == status
    assert error_codes(refused.json()) == ["BAD_USER_INPUT"]
    assert await everything_stored() == before


async def test_the_address_stays_the_same_when_sms_is_connected_anew(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    before = await path_of(organization)
    await Integration.filter(kind=IntegrationKind.SMS).update(status=IntegrationStatus.NEEDS_ATTENTION)
    await connect_sms(services, organization)

    answered = await post(http, before, a_text())

    assert answered.status_code == 200
    assert await path_of(organization) == before


async def test_a_text_is_taken_after_a_disconnect_as_long_as_the_keys_are_kept(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    path = await path_of(organization)
    await disconnect(services, organization)

    taken = await post(http, path, a_text())
    await destroy_credentials(services.store)
    refused = await post(http, path, a_text(number=2))

    assert (taken.status_code, refused.status_code) == (200, 403)


async def test_a_text_is_taken_after_a_disconnect_while_another_organization_uses_the_account(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    await connect_sms(services, await an_organization(name="Other"))
    path = await path_of(organization)
    await disconnect(services, organization)
    await destroy_credentials(services.store)

    assert (await post(http, path, a_text())).status_code == 200


async def test_keys_that_cannot_be_opened_check_nothing(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    await rows("UPDATE connection SET sealed_credentials = 'spoilt'")

    assert (await post(http, await path_of(organization), a_text())).status_code == 503
    assert await InboundText.all().count() == 0


async def test_the_address_can_be_read_by_who_may_configure(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    full = await ask(http, await a_token(services, organization), URL)
    reader = await ask(http, await a_token(services, organization, ALL_PERMISSIONS - {Permission.CONFIGURE}), URL)

    url = full["organizations"]["nodes"][0]["integration"]["inboundUrl"]
    base = services.settings.callback_base
    assert url == f"{base}{await path_of(organization)}#rc=5&rp=all&rt=5000"
    assert reader["organizations"]["nodes"][0]["integration"]["inboundUrl"] is None


async def test_there_is_no_address_while_disconnected_nor_for_a_name(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    token = await a_token(services, organization)
    await rows("UPDATE connection SET sender_kind = 'ALPHANUMERIC', sender = 'Waterworks'")
    of_a_name = await ask(http, token, URL)
    await disconnect(services, organization)
    disconnected = await ask(http, token, URL)

    for data in (of_a_name, disconnected):
        assert data["organizations"]["nodes"][0]["integration"]["inboundUrl"] is None


async def test_texts_are_listed_newest_first_and_shown_in_full_to_collectors_only(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    for number in (1, 2):
        await post(http, await path_of(organization), a_text(f"Text {number}", number=number))

    full = await ask(http, await a_token(services, organization), TEXTS)
    reader = await ask(http, await a_token(services, organization, ALL_PERMISSIONS - {Permission.COLLECT}), TEXTS)

    [second, first] = full["organizations"]["nodes"][0]["inboundTexts"]["nodes"]
    assert [second["text"], first["text"]] == ["Text 2", "Text 1"]
    assert (first["from"], first["to"], first["kind"]) == (PHONE, SANDBOX_ACCOUNT.phone_numbers[0], "OTHER")
    masked = reader["organizations"]["nodes"][0]["inboundTexts"]["nodes"]
    assert {(text["from"], text["text"]) for text in masked} == {("+44 *** ** 01", None)}


async def test_a_text_is_found_by_its_id_masked_as_in_a_list(
    http: httpx.AsyncClient, services: Services, organization: Organization
) -> None:
    await post(http, await path_of(organization), a_text())
    token = await a_token(services, organization, ALL_PERMISSIONS - {Permission.COLLECT})

    data = await ask(
        http,
        token,
        "query ($id: ID!) { node(id: $id) { ... on InboundText { text from } } }",
        id=encode_id("InboundText", 1),
    )

    assert data["node"] == {"text": None, "from": "+44 *** ** 01"}
