"""Twilio: hands texts over through its SDK, and reads its status callbacks and the texts that come in."""
# The SDK ships no types.
# mypy: disable-error-code="import-untyped"

import base64
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hmac import compare_digest
from typing import assert_never
from uuid import UUID
from weakref import WeakKeyDictionary

from multidict import MultiDict
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from dunlin.channels import twilio_check, twilio_inbound, twilio_messages, twilio_price, twilio_transport
from dunlin.channels.twilio_errors import explain
from dunlin.channels.twilio_messages import MESSAGE_SID, status_report
from dunlin.channels.twilio_transport import Transport, beginning_by, sending_client
from dunlin.domain.carrier import (
    Accepted,
    Answer,
    CarrierUnavailable,
    Credentials,
    CredentialsRejected,
    Fault,
    ForgedCallback,
    LostMessage,
    MalformedCallback,
    Message,
    NoSuchMessage,
    Quote,
    Refused,
    Sender,
    SenderKind,
    StatusReport,
    TextReceived,
    Throttled,
    Traces,
    TwilioCredentials,
    Unknown,
    Unreached,
    Verdict,
)
from dunlin.domain.choices import InboundTextKind

# Read by Twilio, neither sent back nor signed: up to five more tries after any failure, 5 s for each.
# Without it a 500 of ours would lose the report.
# https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
_CALLBACK_RETRIES = "#rc=5&rp=all&rt=5000"

# Where the API takes what Twilio calls back.
_REPORTS = "/webhooks/twilio"
_INBOUND = f"{_REPORTS}/inbound"

# A number, a short code, or the name that a company writes under.
_PARTY = re.compile(r"[^\x00-\x1f\x7f]{1,64}")

# Only where the account has Advanced Opt-Out; elsewhere we have to read the text ourselves.
_KEYWORDS = {"STOP": InboundTextKind.STOP, "START": InboundTextKind.START, "HELP": InboundTextKind.HELP}


def report_address(public_url: str, correlation: str) -> str:
    """Return where Twilio reports on one message; `public_url`, without a slash at its end, is where it finds us."""
    return f"{public_url}{_REPORTS}/{correlation}{_CALLBACK_RETRIES}"


class TwilioChannel:
    """The `Channel` to Twilio. `public_url`, without a slash at its end, is where Twilio finds us."""

    def __init__(self, public_url: str, transport: Transport) -> None:
        self._public_url = public_url
        self._transport = transport
        # A client makes a dozen objects before its first message. It goes when the keys that it was made for go.
        self._clients: WeakKeyDictionary[TwilioCredentials, Client] = WeakKeyDictionary()

    async def send(self, message: Message) -> Answer:
        if not isinstance(message.credentials, TwilioCredentials):
            return Unreached("The stored keys are not those of an account at Twilio.")
        try:
            sid = await self._create(message, message.credentials)
        except twilio_transport.NotSent as error:
            return Unreached(str(error))
        except twilio_transport.Throttled as error:
            return Throttled(error.retry_after)
        except twilio_transport.CallRefused as error:
            return _refusal(error.code)
        except twilio_transport.OutcomeUnknown as error:
            return Unknown(str(error))
        except Exception as error:
            # A bug, ours or the SDK's, and perhaps after the POST: whoever sends again may send twice.
            return Unknown(f"The text could not be handed over properly ({type(error).__name__}).")
        if not isinstance(sid, str) or not MESSAGE_SID.fullmatch(sid):
            return Unknown("The carrier answered without a message id.")
        return Accepted(sid)

    async def _create(self, message: Message, credentials: TwilioCredentials) -> object:
        with beginning_by(message.begin_by):
            created = await self._client(credentials).messages.create_async(
                to=message.to,
                body=message.text,
                status_callback=report_address(self._public_url, message.correlation),
                **_sender_parameter(message.sender),
            )
        return created.sid

    def _client(self, credentials: TwilioCredentials) -> Client:
        if (client := self._clients.get(credentials)) is None:
            client = self._clients[credentials] = sending_client(credentials, self._transport)
        return client

    async def check(self, credentials: Credentials, sender: Sender) -> Verdict:
        if not isinstance(credentials, TwilioCredentials):
            return CredentialsRejected("These are not the keys of an account at Twilio.")
        return await twilio_check.check(credentials, sender, self._transport)

    async def price(self, credentials: TwilioCredentials, country: str) -> Quote:
        return await twilio_price.price(credentials, country, self._transport)

    def read_callback(
        self, path_and_query: str, fields: Sequence[tuple[str, str]], signature: str, credentials: TwilioCredentials
    ) -> StatusReport:
        return _report(self._genuine(path_and_query, fields, signature, credentials))

    async def look_up(self, lost: LostMessage) -> Traces | CarrierUnavailable:
        return await twilio_messages.look_up(lost, self._transport)

    async def fetch(
        self, credentials: TwilioCredentials, provider_message_id: str
    ) -> StatusReport | NoSuchMessage | CarrierUnavailable:
        return await twilio_messages.fetch(credentials, provider_message_id, self._transport)

    def inbound_address(self, key: UUID) -> str:
        return f"{self._public_url}{_INBOUND}/{key}{_CALLBACK_RETRIES}"

    async def route_inbound(self, credentials: TwilioCredentials, sender: Sender, key: UUID) -> bool:
        base = f"{self._public_url}{_INBOUND}/"
        return await twilio_inbound.route_inbound(credentials, sender, self.inbound_address(key), base, self._transport)

    def read_inbound(
        self, path_and_query: str, fields: Sequence[tuple[str, str]], signature: str, credentials: TwilioCredentials
    ) -> TextReceived:
        return _received(self._genuine(path_and_query, fields, signature, credentials))

    def _genuine(
        self, path_and_query: str, fields: Sequence[tuple[str, str]], signature: str, credentials: TwilioCredentials
    ) -> MultiDict[str]:
        """Return what the account of these credentials has signed for this address, or raise `ForgedCallback`."""
        if not signature_fits(self._public_url + path_and_query, fields, signature, credentials.auth_token):
            raise ForgedCallback
        given = MultiDict(fields)
        if given.get("AccountSid") != credentials.account_sid:
            raise ForgedCallback
        return given


def _refusal(code: int) -> Answer:
    meaning = explain(code)
    if meaning.fault is Fault.DISPUTABLE:
        return Unknown(meaning.sentence)
    return Refused(code, meaning.fault, meaning.sentence, meaning.retry_after(datetime.now(UTC)))


def _sender_parameter(sender: Sender) -> dict[str, str]:
    match sender.kind:
        case SenderKind.MESSAGING_SERVICE:
            return {"messaging_service_sid": sender.value}
        case SenderKind.PHONE_NUMBER | SenderKind.ALPHANUMERIC | SenderKind.EMAIL_ADDRESS:  # the last is refused
            return {"from_": sender.value}
        case _:
            assert_never(sender.kind)


def signature_fits(url: str, fields: Sequence[tuple[str, str]], signature: str, auth_token: str) -> bool:
    """Return whether the holder of `auth_token` signed these fields for this address.

    Twilio signs with the account's primary auth token, also where an API key sends.
    """
    # Anybody can sign with an empty token.
    if not auth_token:
        return False
    if compare_digest(signature_of(url, fields, auth_token), signature.encode()):
        return True
    # Twilio signs some addresses with their port, and some without. The validator tries both, and what stands there not
    # first. It reads repeated fields from a MultiDict, and would see one of them in a dict.
    return bool(RequestValidator(auth_token).validate(url, MultiDict(fields), signature))


def signature_of(url: str, fields: Sequence[tuple[str, str]], auth_token: str) -> bytes:
    """Return what the holder of `auth_token` signs with: the address, and each name and value behind it, sorted.

    https://www.twilio.com/docs/usage/security#validating-requests
    """
    signed = url + "".join([name + value for name, value in sorted(set(fields))])
    return base64.b64encode(hmac.digest(auth_token.encode(), signed.encode(), "sha1"))


def _report(given: MultiDict[str]) -> StatusReport:
    # An account's owner can sign anything: look at the form of what will be stored.
    if not MESSAGE_SID.fullmatch(given.get("MessageSid", "")):
        raise MalformedCallback("MessageSid")
    state = given.get("MessageStatus")
    if not state:
        raise MalformedCallback("MessageStatus")
    return status_report(given["AccountSid"], given["MessageSid"], state, given.get("ErrorCode", ""))


def _received(given: MultiDict[str]) -> TextReceived:
    if not MESSAGE_SID.fullmatch(given.get("MessageSid", "")):
        raise MalformedCallback("MessageSid")
    for name in ("From", "To"):
        if not _PARTY.fullmatch(given.get(name, "")):
            raise MalformedCallback(name)
    service = given.get("MessagingServiceSid", "")
    return TextReceived(
        account_sid=given["AccountSid"],
        provider_message_id=given["MessageSid"],
        sender=given["From"],
        recipients=(given["To"], service) if MESSAGE_SID.fullmatch(service) else (given["To"],),
        text=given.get("Body", "").replace("\0", ""),  # PostgreSQL has no NUL in texts
        keyword=_KEYWORDS.get(given.get("OptOutType", "")),
    )
