"""Status callbacks: believed only as signed by the account they are about, and the same in any order."""

from collections.abc import Mapping
from itertools import pairwise, permutations

import httpx
import pytest
import pytest_asyncio
from twilio.request_validator import RequestValidator

from dunlin.domain.actions.deliver import Handover
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.carrier import Accepted
from dunlin.domain.choices import IntegrationKind
from dunlin.domain.reminder_status import ReminderStatus, moves_forward
from dunlin.domain.tables import DeliveryEvent, Reminder, SendAttempt
from dunlin.runtime.wiring import Services
from tests.build import NOW, a_collecting_organization, a_new_case, a_viewer, everything_stored, open_one
from tests.client import error_codes
from tests.conftest import SANDBOX_ACCOUNT
from tests.delivery import SID, answer, begin, plan, statuses

Fields = Mapping[str, str]


@pytest_asyncio.fixture
async def handover(services: Services) -> Handover:
    """One reminder that is being handed over."""
    _, cycle = await a_collecting_organization(services)
    await open_one(services, cycle)
    await plan(services)
    [handover] = await begin(services)
    return handover


def path_of(handover: Handover) -> str:
    return f"/webhooks/twilio/{handover.correlation}"


def report(status: str = "delivered", **changed: str) -> dict[str, str]:
    return {
        "AccountSid": SANDBOX_ACCOUNT.sid,
        "MessageSid": SID,
        "MessageStatus": status,
        "To": "+447700900001",
        **changed,
    }


def without(field: str) -> dict[str, str]:
    return {name: value for name, value in report().items() if name != field}


def sign(http: httpx.AsyncClient, path: str, fields: Fields, key: str = SANDBOX_ACCOUNT.auth_token) -> dict[str, str]:
    address = str(http.base_url).rstrip("/") + path
    return {"X-Twilio-Signature": RequestValidator(key).compute_signature(address, dict(fields))}


async def deliver(http: httpx.AsyncClient, path: str, fields: Fields) -> httpx.Response:
    """Send a report as the carrier does."""
    return await http.post(path, data=dict(fields), headers=sign(http, path, fields))


async def test_a_genuine_report_moves_the_reminder(http: httpx.AsyncClient, handover: Handover) -> None:
    received = await deliver(http, path_of(handover), report("undelivered", ErrorCode="30007"))

    assert (received.status_code, received.content) == (204, b"")
    reminder = await Reminder.get()
    assert (reminder.status, reminder.error_code) == (ReminderStatus.UNDELIVERED, 30007)
    assert reminder.provider_message_id == SID
    assert reminder.status_reason


@pytest.mark.parametrize(
    ("sent", "signed", "key"),
    [
        pytest.param(report(), report(), "00" * 16, id="another-key"),
        pytest.param(report(), report(), "", id="empty-key"),
        pytest.param(report("delivered"), report("failed"), SANDBOX_ACCOUNT.auth_token, id="changed-field"),
        pytest.param(report(Extra="1"), report(), SANDBOX_ACCOUNT.auth_token, id="field-put-in"),
        pytest.param(without("To"), report(), SANDBOX_ACCOUNT.auth_token, id="field-taken-out"),
        pytest.param({"MessageStatus": "delivered"}, report(), SANDBOX_ACCOUNT.auth_token, id="one-field-only"),
        pytest.param(
            report(AccountSid="AC" + "09" * 16),
            report(AccountSid="AC" + "09" * 16),
            SANDBOX_ACCOUNT.auth_token,
            id="another-account",
        ),
        pytest.param(without("AccountSid"), without("AccountSid"), SANDBOX_ACCOUNT.auth_token, id="no-account"),
    ],
)
async def test_a_report_that_its_account_did_not_sign_is_refused_and_changes_nothing(
    http: httpx.AsyncClient, handover: Handover, sent: Fields, signed: Fields, key: str
) -> None:
    before = await everything_stored()
    path = path_of(handover)

    refused = await http.post(path, data=dict(sent), headers=sign(http, path, signed, key))

    assert refused.status_code == 403
    assert error_codes(refused.json()) == ["FORBIDDEN"]
    assert await everything_stored() == before


async def test_a_failure_on_our_side_is_told_with_the_end_of_its_connection(
    http: httpx.AsyncClient, handover: Handover, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("postgresql://dunlin:hunter2@db/dunlin")

    with monkeypatch.context() as patched:
        patched.setattr("dunlin.api.webhooks._signature", broken)
        failed = await deliver(http, path_of(handover), report())

    assert failed.status_code == 500
    assert error_codes(failed.json()) == ["INTERNAL"]
    assert "hunter2" not in failed.text
    # Else a carrier that keeps its connections begins its next report on one that is being closed.
    assert failed.headers["Connection"] == "close"
    assert (await deliver(http, path_of(handover), report())).status_code == 204


@pytest.mark.parametrize("headers", [{}, {"X-Twilio-Signature": ""}, {"X-Twilio-Signature": "é"}], ids=str)
async def test_a_report_without_a_signature_is_refused(
    http: httpx.AsyncClient, handover: Handover, headers: dict[str, str]
) -> None:
    before = await everything_stored()
    raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}

    refused = await http.post(path_of(handover), data=report(), headers=raw)

    assert refused.status_code == 403
    assert await everything_stored() == before


@pytest.mark.parametrize(
    "suffix",
    [
        pytest.param("x", id="one-character-more"),
        pytest.param("?a=1", id="query-added"),
        pytest.param("%00", id="nul"),
        pytest.param("%ff", id="invalid-utf-8"),
    ],
)
async def test_a_report_to_an_address_that_was_not_signed_or_not_given_out_is_refused(
    http: httpx.AsyncClient, handover: Handover, suffix: str
) -> None:
    before = await everything_stored()
    path = path_of(handover)

    refused = await http.post(path + suffix, data=report(), headers=sign(http, path, report()))

    assert refused.status_code == 403
    assert await everything_stored() == before


@pytest.mark.parametrize("correlation", ["unknown", "%00", "%ff", "..", "x" * 4_000])
async def test_a_well_signed_report_of_an_unknown_attempt_is_refused(
    http: httpx.AsyncClient, handover: Handover, correlation: str
) -> None:
    before = await everything_stored()

    refused = await deliver(http, f"/webhooks/twilio/{correlation}", report())

    assert refused.status_code in (403, 404)
    assert await everything_stored() == before


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(without("MessageSid"), id="no-message"),
        pytest.param(report(MessageSid=""), id="empty-message"),
        pytest.param(report(MessageSid="SM" + "0" * 31 + "\0"), id="message-with-nul"),
        pytest.param(without("MessageStatus"), id="no-status"),
        pytest.param(report(""), id="empty-status"),
    ],
)
async def test_a_signed_report_without_its_message_or_status_is_refused(
    http: httpx.AsyncClient, handover: Handover, fields: Fields
) -> None:
    before = await everything_stored()

    refused = await deliver(http, path_of(handover), fields)

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
        pytest.param("application/x-www-form-urlencoded", b"a" * 20_000, 413, id="huge"),
    ],
)
async def test_a_body_that_is_no_short_form_is_refused(
    http: httpx.AsyncClient, handover: Handover, content_type: str, body: bytes, status: int
) -> None:
    before = await everything_stored()
    headers = sign(http, path_of(handover), report()) | {"Content-Type": content_type}

    refused = await http.post(path_of(handover), content=body, headers=headers)

    assert refused.status_code == status
    assert error_codes(refused.json()) == ["BAD_USER_INPUT"]
    assert await everything_stored() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_report_is_a_post(http: httpx.AsyncClient, handover: Handover, method: str) -> None:
    assert (await http.request(method, path_of(handover))).status_code == 405


@pytest.mark.parametrize("state", ["queued", "sending", "unheard-of"])
async def test_a_state_that_says_nothing_new_is_taken_and_changes_no_status(
    http: httpx.AsyncClient, services: Services, handover: Handover, state: str
) -> None:
    await answer(services, [handover], Accepted(SID))

    received = await deliver(http, path_of(handover), report(state))

    assert received.status_code == 204
    assert await statuses() == ["SCHEDULED", "SENDING", "SENT"]


async def test_a_report_may_come_before_the_answer(
    http: httpx.AsyncClient, services: Services, handover: Handover
) -> None:
    received = await deliver(http, path_of(handover), report("delivered"))

    await answer(services, [handover], Accepted(SID))

    assert received.status_code == 204
    assert await statuses() == ["SCHEDULED", "SENDING", "DELIVERED"]
    reminder = await Reminder.get()
    assert reminder.status is ReminderStatus.DELIVERED
    assert (await SendAttempt.get()).outcome == "Accepted"


async def test_a_message_that_left_before_the_disconnect_is_still_reported(
    http: httpx.AsyncClient, services: Services, handover: Handover
) -> None:
    await answer(services, [handover], Accepted(SID))
    reminder = await Reminder.get().prefetch_related("organization")
    await disconnect_integration(
        services.store,
        a_viewer(reminder.organization),
        organization_id=handover.organization_id,
        kind=IntegrationKind.SMS,
        confirmed=True,
        impact_token=None,
        now=NOW,
    )

    received = await deliver(http, path_of(handover), report("delivered"))

    assert received.status_code == 204
    assert (await Reminder.get()).status is ReminderStatus.DELIVERED


async def test_reports_end_the_same_in_any_order_and_number_and_never_go_back(
    http: httpx.AsyncClient, services: Services
) -> None:
    orders = sorted(set(permutations(["sent", "delivered", "undelivered"] * 2)))
    _, cycle = await a_collecting_organization(services)
    for number in range(len(orders)):
        await open_one(services, cycle, a_new_case(f"INV-{number}"))
    await plan(services)
    handovers: list[Handover] = []
    while len(handovers) < len(orders):
        handovers += await begin(services)

    for place, (handover, order) in enumerate(zip(handovers, orders, strict=True)):
        for state in order:
            received = await deliver(http, path_of(handover), report(state, MessageSid=f"SM{place:032x}"))
            assert received.status_code == 204

    assert {reminder.status for reminder in await Reminder.all()} == {ReminderStatus.DELIVERED}
    for handover in handovers:
        events = await DeliveryEvent.filter(reminder_id=handover.reminder_id).order_by("sequence")
        row = [event.status for event in events]
        assert all(moves_forward(earlier, later) for earlier, later in pairwise(row)), row
