"""Everything the carrier refuses: one exception and one table of Twilio's codes, HTTP statuses and sentences.

The source of a code is https://www.twilio.com/docs/api/errors/<code>.
"""

from collections.abc import Mapping

_SENTENCES: Mapping[int, tuple[int, str]] = {
    20001: (400, "The parameter {name} is not valid"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20005: (403, "Account not active"),
    20008: (403, "Resource not accessible with Test Account Credentials"),
    20009: (409, "The message has not reached a final status yet"),
    20404: (404, "The requested resource {path} was not found"),
    20413: (413, "The request is larger than {limit} bytes"),
    20415: (415, "The content type must be application/x-www-form-urlencoded"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    21211: (400, "The 'To' number {to} is not a valid phone number."),
    21212: (
        400,
        "The 'From' number {sender} is not a valid phone number, shortcode, or alphanumeric sender ID.",
    ),
    21266: (400, "'To' and 'From' number cannot be the same: {to}"),
    21408: (
        400,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}",
    ),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (
        400,
        "The 'From' phone number provided ({sender}) is not a valid message-capable Twilio phone number",
    ),
    21609: (400, "The 'StatusCallback' URL {url} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (400, "The 'To' number {to} is not currently reachable using the 'From' number {sender}"),
    21614: (400, "'To' number is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21624: (400, "The validity period {validity} is not a number of seconds from 1 to 36000"),
    21659: (400, "'{sender}' is not a Twilio phone number or Short Code country mismatch"),
    21660: (400, "Mismatch between the 'From' number {sender} and the account {account}"),
    21701: (404, "The Messaging Service {service} does not exist"),
    21704: (400, "The Messaging Service contains no phone numbers"),
    21705: (400, "The Messaging Service Sid {service} is invalid"),
    21711: (400, "The 'From' number {sender} is not in the Messaging Service"),
    30400: (400, "Bad parameters: {reason}"),
    30409: (409, "The message cannot be canceled any more"),
    35111: (400, "SendAt is missing"),
    35114: (400, "SendAt must be more than 300 seconds and at most 35 days ahead, as YYYY-MM-DDTHH:MM:SSZ"),
    35118: (400, "Scheduling needs a MessagingServiceSid"),
}


class Refusal(Exception):
    """The carrier's answer to a request that it does not serve. Nothing has changed."""

    def __init__(self, code: int, headers: Mapping[str, str] | None = None, **values: str) -> None:
        super().__init__(code)
        self.code = code
        self.headers = dict(headers or {})
        self.http_status, sentence = _SENTENCES[code]
        self.sentence = sentence.format(**values)

    def __str__(self) -> str:
        return f"{self.code} {self.sentence}"
