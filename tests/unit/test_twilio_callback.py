import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from dunlin.channels.twilio import TwilioChannel, signature_fits, signature_of
from dunlin.channels.twilio_transport import Transport
from dunlin.domain.carrier import Fault, ForgedCallback, MalformedCallback, StatusReport, TwilioCredentials
from dunlin.domain.reminder_status import ReminderStatus

HOST = "https://hooks.example.com"
PATH = "/v1/twilio/status?rid=rem_42&t=7"
TOKEN = "12345"
ACCOUNT = "AC" + "a" * 32
MESSAGE = "SM" + "b" * 32
CREDENTIALS = TwilioCredentials(ACCOUNT, TOKEN)

Fields = Sequence[tuple[str, str]]

# A genuine report, and its signature as computed by Twilio's rules outside this code.
DELIVERED: Fields = (
    ("AccountSid", ACCOUNT),
    ("ApiVersion", "2010-04-01"),
    ("From", "+15005550006"),
    ("MessageSid", MESSAGE),
    ("MessageStatus", "delivered"),
    ("RawDlrDoneDate", "2611221330"),
    ("SmsSid", MESSAGE),
    ("SmsStatus", "delivered"),
    ("To", "+15558675310"),
)
SIGNATURE = "02yRQ6IYZSIsPZcOg8ZRHPsn9N4="

# Vectors of Twilio's own libraries.
SHOP = "https://mycompany.com/myapp.php?foo=1&bar=2"
SHOP_WITH_PORT = "https://mycompany.com:1234/myapp.php?foo=1&bar=2"
PLAIN_SHOP = "http://mycompany.com/myapp.php?foo=1&bar=2"
PLAIN_SHOP_WITH_PORT = "http://mycompany.com:1234/myapp.php?foo=1&bar=2"
CALL: Fields = (
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
)
REPEATED: Fields = (
    ("Sid", "CA123"),
    ("SidAccount", "AC123"),
    ("Digits", "5678"),
    ("Digits", "1234"),
    ("Digits", "1234"),
)
INBOUND: Fields = (
    ("Body", "  Stop \u2013 \u00e9 \U0001f600 a+b & c "),
    ("FromCity", ""),
    ("FromZip", ""),
    ("MessageSid", "SM" + "c" * 32),
    ("NumMedia", "0"),
    ("OptOutType", "STOP"),
    ("From", "+15558675310"),
    ("To", "+15005550006"),
)


def sign(path: str, fields: Fields, token: str = TOKEN) -> str:
    """Sign as Twilio does, for fields that do not repeat."""
    signed = HOST + path + "".join(name + value for name, value in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def read(fields: Fields, path: str = PATH, signature: str | None = None) -> StatusReport:
    channel = TwilioChannel(HOST, Transport())
    return channel.read_callback(path, fields, sign(path, fields) if signature is None else signature, CREDENTIALS)


def report(**changed: str) -> Fields:
    return tuple({**dict(DELIVERED), **changed}.items())


def without(name: str) -> Fields:
    return tuple(field for field in DELIVERED if field[0] != name)


@pytest.mark.parametrize(
    ("url", "fields", "signature"),
    [
        pytest.param(SHOP, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", id="plain"),
        pytest.param(SHOP_WITH_PORT, CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", id="port-left-out-when-signing"),
        pytest.param(SHOP, CALL, "kvajT1Ptam85bY51eRf/AJRuM3w=", id="port-443-added-when-signing"),
        pytest.param(PLAIN_SHOP, CALL, "0ZXoZLH/DfblKGATFgpif+LLRf4=", id="port-80-added-when-signing"),
        pytest.param(PLAIN_SHOP_WITH_PORT, CALL, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=", id="http-with-port"),
        pytest.param(SHOP, REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU=", id="repeated-field"),
        pytest.param(HOST + PATH, DELIVERED, SIGNATURE, id="status-report"),
        pytest.param(HOST + "/v1/twilio/inbound", INBOUND, "6iFNoFl4/g4XjXyJmArWM+zsf8c=", id="blanks-and-emoji"),
    ],
)
def test_a_genuine_signature_fits_and_no_longer_after_any_change(url: str, fields: Fields, signature: str) -> None:
    assert signature_fits(url, fields, signature, TOKEN)
    assert not signature_fits(url + "x", fields, signature, TOKEN)
    assert not signature_fits(url, fields, signature, TOKEN + "6")
    for index, (name, value) in enumerate(fields):
        assert not signature_fits(url, [*fields[:index], (name, value + "x"), *fields[index + 1 :]], signature, TOKEN)


@given(
    st.lists(st.tuples(st.sampled_from(["A", "AB", "B", "é", ""]), st.text(st.characters(exclude_categories=["Cs"])))),
    st.sampled_from([SHOP, SHOP_WITH_PORT, PLAIN_SHOP, HOST + PATH]),
)
def test_what_is_signed_is_what_the_sdk_signs_also_where_fields_repeat(fields: Fields, url: str) -> None:
    signed = RequestValidator(TOKEN).compute_signature(url, MultiDict(fields))

    assert signature_of(url, fields, TOKEN).decode() == signed


def test_a_genuine_report_is_read() -> None:
    assert read(DELIVERED, signature=SIGNATURE) == StatusReport(
        account_sid=ACCOUNT,
        provider_message_id=MESSAGE,
        status=ReminderStatus.DELIVERED,
        error_code=None,
        reason=None,
        state="delivered",
    )


@pytest.mark.parametrize(
    ("path", "fields", "signature"),
    [
        pytest.param(PATH.replace("42", "43"), DELIVERED, SIGNATURE, id="another-attempt"),
        pytest.param(PATH, report(MessageStatus="failed"), SIGNATURE, id="another-status"),
        pytest.param(PATH, without("RawDlrDoneDate"), SIGNATURE, id="a-field-taken-out"),
        pytest.param(PATH, report(New="1"), SIGNATURE, id="a-field-put-in"),
        pytest.param(PATH, DELIVERED, "", id="no-signature"),
        pytest.param(PATH, DELIVERED, sign(PATH, DELIVERED, token="other"), id="another-key"),
        pytest.param(PATH, (), SIGNATURE, id="no-fields"),
    ],
)
def test_a_report_that_was_changed_or_not_signed_by_the_account_is_forged(
    path: str, fields: Fields, signature: str
) -> None:
    with pytest.raises(ForgedCallback):
        read(fields, path, signature)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(report(AccountSid="AC" + "d" * 32), id="another-account"),
        pytest.param(without("AccountSid"), id="no-account"),
    ],
)
def test_a_well_signed_report_about_another_account_is_forged(fields: Fields) -> None:
    with pytest.raises(ForgedCallback):
        read(fields)


def test_an_account_without_a_token_trusts_no_report() -> None:
    signature = sign(PATH, DELIVERED, token="")

    with pytest.raises(ForgedCallback):
        TwilioChannel(HOST, Transport()).read_callback(PATH, DELIVERED, signature, TwilioCredentials(ACCOUNT, ""))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param(without("MessageSid"), "MessageSid", id="no-message"),
        pytest.param(report(MessageSid="SM1" + "0" * 999), "MessageSid", id="a-message-id-that-is-none"),
        pytest.param(without("MessageStatus"), "MessageStatus", id="no-status"),
        pytest.param(report(MessageStatus=""), "MessageStatus", id="an-empty-status"),
    ],
)
def test_a_signed_report_without_message_or_status_is_malformed(fields: Fields, field: str) -> None:
    with pytest.raises(MalformedCallback) as caught:
        read(fields)

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("accepted", ReminderStatus.SENT),
        ("scheduled", ReminderStatus.SENT),
        ("queued", ReminderStatus.SENT),
        ("sending", ReminderStatus.SENT),
        ("sent", ReminderStatus.SENT),
        ("delivered", ReminderStatus.DELIVERED),
        ("read", ReminderStatus.DELIVERED),
        ("undelivered", ReminderStatus.UNDELIVERED),
        ("failed", ReminderStatus.FAILED),
        ("canceled", ReminderStatus.FAILED),
        ("partially_delivered", None),
        ("receiving", None),
        ("invented-tomorrow", None),
    ],
)
def test_each_state_of_twilio_has_its_status_and_a_new_one_changes_nothing(
    state: str, status: ReminderStatus | None
) -> None:
    assert read(report(MessageStatus=state)).status is status


@pytest.mark.parametrize(
    ("value", "code", "reason"),
    [
        pytest.param("30003", 30003, "The phone was off or out of reach.", id="known"),
        pytest.param("39999", 39999, "The carrier reported error 39999.", id="unknown"),
        pytest.param("0", None, None, id="zero"),
        pytest.param("", None, None, id="empty"),
        pytest.param("-30003", None, None, id="negative"),
        pytest.param("3.5", None, None, id="a-fraction"),
        pytest.param("\u0663\u0660", None, None, id="digits-of-another-script"),
        pytest.param("9" * 40, None, None, id="too-long-for-a-column"),
    ],
)
def test_the_error_code_becomes_a_number_and_a_sentence(value: str, code: int | None, reason: str | None) -> None:
    got = read(report(MessageStatus="undelivered", ErrorCode=value))

    assert (got.error_code, got.reason) == (code, reason)


def test_a_failure_says_what_it_is_about_and_how_long_that_lasts() -> None:
    got = read(report(MessageStatus="undelivered", ErrorCode="30003"))

    assert (got.fault, got.retry_after) == (Fault.UNREACHABLE, timedelta(hours=3))


def test_a_message_canceled_at_the_carrier_says_so() -> None:
    assert read(report(MessageStatus="canceled")).reason == "The message was canceled at the carrier."


def test_fields_that_are_new_to_us_do_not_matter() -> None:
    assert read(report(InventedTomorrow="1")).status is ReminderStatus.DELIVERED
