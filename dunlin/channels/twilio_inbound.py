"""Have Twilio bring the texts that come in to us, where the account has set nothing else."""

from typing import assert_never

from dunlin.channels.twilio_transport import Transport, token_client
from dunlin.domain.carrier import Sender, SenderKind, TwilioCredentials

# What Twilio sets by itself when a number is bought.
_PLACEHOLDER = "https://demo.twilio.com/"


async def route_inbound(
    credentials: TwilioCredentials, sender: Sender, url: str, base: str, transport: Transport
) -> bool:
    """Return whether texts to `sender` are brought to `url` from now on.

    An address of somebody else's stays. What begins with `base` is ours, and is replaced.
    """
    try:
        match sender.kind:
            case SenderKind.PHONE_NUMBER:
                return await _route_number(credentials, sender.value, url, base, transport)
            case SenderKind.MESSAGING_SERVICE:
                return await _route_service(credentials, sender.value, url, base, transport)
            case SenderKind.ALPHANUMERIC | SenderKind.EMAIL_ADDRESS:
                return False  # nobody can answer a name
            case _:
                assert_never(sender.kind)
    except Exception:  # a convenience, whose failure must not undo that SMS is connected; it can be set by hand
        return False


async def _route_number(credentials: TwilioCredentials, number: str, url: str, base: str, transport: Transport) -> bool:
    numbers = token_client(credentials, transport).incoming_phone_numbers
    # The filter also matches parts of numbers.
    found = await numbers.list_async(phone_number=number, limit=50)
    own = next((entry for entry in found if entry.phone_number == number), None)
    # A TwiML application, where there is one, takes the texts whatever the number's own address is.
    if own is None or own.sms_application_sid or not _is_free(own.sms_url, base):
        return False
    if own.sms_url != url:
        await numbers(own.sid).update_async(sms_url=url, sms_method="POST")
    return True


async def _route_service(credentials: TwilioCredentials, sid: str, url: str, base: str, transport: Transport) -> bool:
    service = token_client(credentials, transport).messaging.v1.services(sid)
    now = await service.fetch_async()
    if now.use_inbound_webhook_on_number or not _is_free(now.inbound_request_url, base):
        return False
    if now.inbound_request_url != url:
        await service.update_async(inbound_request_url=url, inbound_method="POST")
    return True


def _is_free(url: str | None, base: str) -> bool:
    return not url or url.startswith((base, _PLACEHOLDER))
