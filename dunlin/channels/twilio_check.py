"""Whether an account and a sender can send, asked of Twilio when somebody connects them."""

# The SDK ships no types.
# mypy: disable-error-code="import-untyped"

import re
from typing import assert_never

from twilio.base.exceptions import TwilioException

from dunlin.channels.twilio_errors import explain
from dunlin.channels.twilio_transport import (
    CallFailed,
    CallRefused,
    ReadFailed,
    Transport,
    sending_client,
    token_client,
)
from dunlin.domain.carrier import (
    CarrierUnavailable,
    CredentialsRejected,
    Fault,
    Sender,
    SenderKind,
    SenderRejected,
    TwilioCredentials,
    Verdict,
)

_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")
_API_KEY_SID = re.compile(r"SK[0-9a-fA-F]{32}")
_SERVICE_SID = re.compile(r"MG[0-9a-fA-F]{32}")
_PHONE_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11}")


async def check(credentials: TwilioCredentials, sender: Sender, transport: Transport) -> Verdict:
    """Return what is wrong with the account, else with its API key, else with the sender; None if nothing."""
    if flaw := _flaw(credentials):
        return CredentialsRejected(flaw)
    try:
        return (
            await _check_account(credentials, transport)
            or await _check_api_key(credentials, transport)
            or await _check_sender(credentials, sender, transport)
        )
    except CallFailed as error:
        return CarrierUnavailable(str(error))
    except TwilioException:
        # So the SDK complains of a list that it cannot read.
        return CarrierUnavailable("The carrier answered in an unexpected form.")


def _flaw(credentials: TwilioCredentials) -> str | None:
    if not _ACCOUNT_SID.fullmatch(credentials.account_sid):
        return "The account SID should be AC followed by 32 digits and letters from a to f."
    if not credentials.auth_token:
        return "The auth token is missing."
    if not credentials.api_key_sid:
        return "The API key's SID is missing." if credentials.api_key_secret else None
    if not _API_KEY_SID.fullmatch(credentials.api_key_sid):
        return "The API key's SID should be SK followed by 32 digits and letters from a to f."
    return None if credentials.api_key_secret else "The API key's secret is missing."


async def _check_account(credentials: TwilioCredentials, transport: Transport) -> Verdict:
    # With the auth token: an API key may be good and yet not be allowed to read the account.
    accounts = token_client(credentials, transport).api.v2010.accounts
    try:
        # The answer also holds the auth token. Take the status out at once, and keep nothing else.
        status = (await accounts(credentials.account_sid).fetch_async()).status
    except CallRefused as error:
        return CredentialsRejected(explain(error.code).sentence)
    match status:
        case "active":
            return None
        case "suspended" | "closed":
            return CredentialsRejected(f"The account at the carrier is {status}.")
        case _:
            raise ReadFailed("no account status")


async def _check_api_key(credentials: TwilioCredentials, transport: Transport) -> Verdict:
    if not credentials.api_key_sid:
        return None
    try:
        await sending_client(credentials, transport).incoming_phone_numbers.list_async(limit=1)
    except CallRefused as error:
        return CredentialsRejected(f"The carrier did not accept the API key (error {error.code}).")
    return None


async def _check_sender(credentials: TwilioCredentials, sender: Sender, transport: Transport) -> Verdict:
    try:
        match sender.kind:
            case SenderKind.PHONE_NUMBER:
                return await _check_number(credentials, sender.value, transport)
            case SenderKind.MESSAGING_SERVICE:
                return await _check_service(credentials, sender.value, transport)
            case SenderKind.ALPHANUMERIC:
                return _check_name(sender.value)
            case SenderKind.EMAIL_ADDRESS:
                return SenderRejected("An e-mail address cannot send texts.")
            case _:
                assert_never(sender.kind)
    except CallRefused as error:
        meaning = explain(error.code)
        if meaning.fault is Fault.CREDENTIALS:
            return CredentialsRejected(meaning.sentence)
        return SenderRejected(meaning.sentence)


async def _check_number(credentials: TwilioCredentials, number: str, transport: Transport) -> Verdict:
    if not _PHONE_NUMBER.fullmatch(number):
        return SenderRejected("The sender's number should look like +14155550123.")
    numbers = token_client(credentials, transport).incoming_phone_numbers
    # The filter also matches parts of numbers.
    found = await numbers.list_async(phone_number=number, limit=50)
    own = [entry for entry in found if entry.phone_number == number]
    if not own:
        return SenderRejected("The account does not have the sender's number.")
    if not any((entry.capabilities or {}).get("sms") for entry in own):
        return SenderRejected("The sender's number cannot send texts.")
    return None


async def _check_service(credentials: TwilioCredentials, sid: str, transport: Transport) -> Verdict:
    if not _SERVICE_SID.fullmatch(sid):
        return SenderRejected("The messaging service's SID should be MG followed by 32 digits and letters from a to f.")
    try:
        await token_client(credentials, transport).messaging.v1.services(sid).fetch_async()
    except CallRefused as error:
        if error.code != 20404:
            raise
        return SenderRejected("The account does not have this messaging service.")
    return None


def _check_name(name: str) -> Verdict:
    # The carrier has no look-up for names: whether a country takes one shows at the first text.
    if not _NAME.fullmatch(name):
        return SenderRejected(
            "The sender's name should be 1 to 11 letters, digits, spaces or + - _ & with at least one letter."
        )
    return None
