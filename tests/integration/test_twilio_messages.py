"""What becomes of messages, asked through the real SDK against a server on this machine."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from dunlin.channels.twilio import TwilioChannel
from dunlin.channels.twilio_transport import Transport
from dunlin.domain.carrier import (
    CarrierUnavailable,
    Fault,
    LostMessage,
    NoSuchMessage,
    Sender,
    StatusReport,
    Traces,
    TwilioCredentials,
)
from dunlin.domain.reminder_status import ReminderStatus
from tests.integration.test_twilio_check import (
    ACCOUNT,
    FROM_NUMBER,
    FROM_SERVICE,
    HTML,
    KEY,
    NUMBER,
    SERVICE,
    WITH_KEY,
    WITH_TOKEN,
    Said,
    refusal,
    twilio,
)

SID, OTHER, THIRD = ("SM" + letter * 32 for letter in "def")
TO = "+447700900001"
SINCE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
UNTIL = SINCE + timedelta(minutes=1)
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages"
LIST_PATH = f"{ACCOUNT} {MESSAGES}.json"
FETCH_PATH = f"{ACCOUNT} {MESSAGES}/{SID}.json"


def message(sid: object = SID, **others: object) -> dict[str, object]:
    usual = {
        "sid": sid,
        "account_sid": ACCOUNT,
        "status": "sent",
        "error_code": None,
        "body": "Please pay.",
        "from": NUMBER,
        "messaging_service_sid": None,
        "direction": "outbound-api",
        "date_created": format_datetime(SINCE + timedelta(seconds=5)),
        "to": TO,
    }
    return usual | others


def listed(*messages: dict[str, object], next_page: str | None = None) -> Said:
    return 200, {"messages": list(messages), "page": 0, "page_size": 50, "next_page_uri": next_page}


def lost(sender: Sender = FROM_NUMBER, credentials: TwilioCredentials = WITH_TOKEN) -> LostMessage:
    return LostMessage(credentials, sender, TO, "Please pay.", SINCE, UNTIL)


def is_at(status: ReminderStatus | None, sid: str = SID, *, state: str = "", **others: object) -> StatusReport:
    usual = {"error_code": None, "reason": None, "state": state or f"{status}".lower()}
    return StatusReport(ACCOUNT, sid, status, **(usual | others))  # type: ignore[arg-type]


async def look_up(said: Said, sender: Sender = FROM_NUMBER) -> Traces | CarrierUnavailable:
    async with twilio({LIST_PATH: said}, []) as channel:
        return await channel.look_up(lost(sender))


async def fetch(said: Said) -> StatusReport | NoSuchMessage | CarrierUnavailable:
    async with twilio({FETCH_PATH: said}, []) as channel:
        return await channel.fetch(WITH_TOKEN, SID)


def unreadable(error: str) -> CarrierUnavailable:
    return CarrierUnavailable(f"The carrier answered in a form that cannot be read ({error}).")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(listed(), Traces(), id="nothing"),
        pytest.param(listed(message()), Traces(same=(is_at(ReminderStatus.SENT),)), id="it"),
        pytest.param(
            listed(message(status="delivered")), Traces(same=(is_at(ReminderStatus.DELIVERED),)), id="delivered already"
        ),
        pytest.param(listed(message(body="Please pay")), Traces(other=(SID,)), id="another text"),
        pytest.param(listed(message(body="")), Traces(other=(SID,)), id="a text that was blanked"),
        pytest.param(listed(message(**{"from": "+15005550001"})), Traces(other=(SID,)), id="another sender"),
        pytest.param(
            listed(message(), message(OTHER)),
            Traces(same=(is_at(ReminderStatus.SENT), is_at(ReminderStatus.SENT, OTHER))),
            id="two",
        ),
        pytest.param(listed(message(direction="inbound")), Traces(), id="an answer of theirs"),
        pytest.param(
            listed(message(date_created=format_datetime(SINCE - timedelta(seconds=1)))), Traces(), id="an older one"
        ),
        pytest.param(
            listed(message(date_created=format_datetime(UNTIL))),
            Traces(same=(is_at(ReminderStatus.SENT),)),
            id="one that came late",
        ),
        pytest.param(
            listed(message(date_created=format_datetime(UNTIL + timedelta(seconds=1)))),
            Traces(other=(SID,)),
            id="one that came too late",
        ),
        pytest.param(
            listed(message(None)), CarrierUnavailable("The carrier's list holds what is no message."), id="no id"
        ),
        pytest.param(listed(message(date_created=None)), unreadable("TypeError"), id="no date"),
        pytest.param((200, {"messages": "none"}), unreadable("AttributeError"), id="no list"),
        pytest.param((200, {}), CarrierUnavailable("The carrier answered in an unexpected form."), id="nothing at all"),
        pytest.param(
            refusal(401, 20003),
            CarrierUnavailable("The carrier did not accept the keys of this account."),
            id="keys that may not read",
        ),
        pytest.param((502, HTML), CarrierUnavailable("The carrier gave no clear answer (HTTP 502)."), id="bad gateway"),
        pytest.param(
            (429, HTML), CarrierUnavailable("The carrier takes no more calls at the moment (HTTP 429)."), id="too many"
        ),
    ],
)
async def test_the_list_tells_what_may_be_the_lost_text(said: Said, expected: Traces | CarrierUnavailable) -> None:
    assert await look_up(said) == expected


async def test_a_service_is_recognized_also_while_it_has_not_chosen_a_number() -> None:
    found = await look_up(listed(message(messaging_service_sid=SERVICE, **{"from": None})), FROM_SERVICE)

    assert found == Traces(same=(is_at(ReminderStatus.SENT),))


async def test_the_list_is_read_to_its_end_with_the_key_that_sends() -> None:
    second = f"{MESSAGES}.json?PageSize=50&Page=1"
    asked: list[str] = []
    said = {f"{KEY} {MESSAGES}.json": listed(message(OTHER, body="Another"), next_page=second)}
    async with twilio(said, asked) as channel:
        endless = await channel.look_up(lost(credentials=WITH_KEY))

    # The server repeats the page for ever: such a list proves nothing.
    assert endless == CarrierUnavailable("The carrier's list of texts to this number has no end.")
    assert asked[0] == f"{KEY} {MESSAGES}.json?To=%2B447700900001&PageSize=50"
    assert asked[1] == f"{KEY} {second}"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param((200, message(status="queued")), is_at(ReminderStatus.SENT, state="queued"), id="queued"),
        pytest.param((200, message(status="delivered")), is_at(ReminderStatus.DELIVERED), id="delivered"),
        pytest.param(
            (200, message(status="undelivered", error_code=30006)),
            is_at(
                ReminderStatus.UNDELIVERED,
                error_code=30006,
                reason="The number is a landline or its phone company cannot be reached.",
                fault=Fault.LANDLINE,
            ),
            id="undelivered",
        ),
        pytest.param(
            (200, message(status="something new")), is_at(None, state="something new"), id="a state we do not know"
        ),
        pytest.param(refusal(404, 20404), NoSuchMessage(), id="deleted"),
        pytest.param(
            (200, message(OTHER)), CarrierUnavailable("The carrier answered with another message."), id="another"
        ),
        pytest.param((200, {}), CarrierUnavailable("The carrier answered with another message."), id="nothing"),
        pytest.param((503, HTML), CarrierUnavailable("The carrier gave no clear answer (HTTP 503)."), id="away"),
    ],
)
async def test_a_message_is_asked_for_by_its_id(
    said: Said, expected: StatusReport | NoSuchMessage | CarrierUnavailable
) -> None:
    assert await fetch(said) == expected


async def test_a_carrier_that_cannot_be_reached_or_keys_that_are_missing_are_values() -> None:
    async with Transport("http://127.0.0.1:1") as transport:  # nothing listens on port 1
        channel = TwilioChannel("https://dunlin.example", transport)
        for credentials in (WITH_TOKEN, TwilioCredentials(ACCOUNT, "")):
            assert isinstance(await channel.fetch(credentials, SID), CarrierUnavailable)
            assert isinstance(await channel.look_up(lost(credentials=credentials)), CarrierUnavailable)
