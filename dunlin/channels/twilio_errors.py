"""What Twilio's error codes mean, for a person and for what follows.

Source: https://www.twilio.com/docs/api/errors. Codes appear and change without notice, so every caller
has to live with a code that is not listed here.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from dunlin.domain.carrier import Fault

# Nothing was sent and the same message may go later: after how long, where the carrier leaves that to us.
THROTTLE_CODES: dict[int, timedelta | None] = {
    14107: timedelta(minutes=1),  # the loop guard looks at 30 s
    20429: None,
    21611: timedelta(minutes=5),
    30001: timedelta(minutes=5),
    35125: timedelta(hours=1),
    63017: timedelta(seconds=5),
    63018: timedelta(seconds=5),
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """`lasts` is how long it stands in the way, `until_midnight_in` until when, where it passes by itself."""

    fault: Fault
    sentence: str
    lasts: timedelta | None = None
    until_midnight_in: ZoneInfo | None = None

    def retry_after(self, now: datetime) -> timedelta | None:
        """Return after how long the same message may go, where that is for us to try."""
        if self.until_midnight_in is None:
            return self.lasts
        tomorrow = now.astimezone(self.until_midnight_in).date() + timedelta(days=1)
        return datetime.combine(tomorrow, time.min, self.until_midnight_in) - now


def explain(code: int) -> Meaning:
    """Return whom a code is about and a sentence for a clerk, without numbers or names of people."""
    return _MEANINGS.get(code) or Meaning(Fault.UNLISTED, f"The carrier reported error {code}.")


_TABLE: dict[Fault, dict[str, tuple[int, ...]]] = {
    Fault.CREDENTIALS: {
        "The carrier did not accept the keys of this account.": (20003,),
        "The account at the carrier is not active: it is suspended or has no funds.": (10001, 20005, 90010),
        "The keys lack a permission at the carrier.": (20006, 20010, 70051),
        "These are test keys, which cannot do this.": (20008,),
        "The carrier does not know this account.": (20404,),
        "The account at the carrier was suspended.": (30002,),
        "The account may not send texts.": (30037,),
        "A trial account cannot do this.": (10002, 21267),
    },
    Fault.SENDER: {
        "The sender is missing or not valid.": (21212, 21603, 21657),
        "The sender cannot send texts.": (21601, 21606, 21661),
        "The sender's number does not belong to the carrier or cannot text this country.": (21659,),
        "The sender belongs to another account.": (21660,),
        "The messaging service does not exist or cannot be used.": (21701, 21702, 21705),
        "The messaging service has no number to send from.": (21703, 21704),
        "The sender is not part of the messaging service.": (21711,),
        "The sender's toll-free number is not verified.": (30032,),
        "The sender's US campaign is suspended.": (30033,),
        "The sender's US number is not registered.": (30034,),
    },
    Fault.COUNTRY: {
        "The account may not send texts to this country: it must be enabled at the carrier.": (21408,),
        "The sender must be registered for this country first.": (30018, 30024, 30040, 30041),
        "The sender's name is too general for this country and was blocked.": (30042,),
    },
    Fault.LIMIT: {
        "The account has reached its message limit.": (30454, 63038),
        "The sender has reached its daily limit.": (30023, 30027),
    },
    Fault.INVALID_NUMBER: {
        "This is not a valid phone number.": (21211,),
        "This phone number cannot be reached.": (21214,),
        "The phone number is not in use.": (30005,),
    },
    Fault.LANDLINE: {
        "This phone number cannot receive texts.": (21614,),
        "This is a landline number.": (21635,),
        "The number is a landline or its phone company cannot be reached.": (30006,),
    },
    Fault.UNREACHABLE: {
        "The phone was off or out of reach.": (30003,),
    },
    Fault.RECIPIENT: {
        "A trial account may text confirmed numbers only.": (21608,),
        "This phone number cannot be reached from this sender; from another sender it may be.": (21612,),
        "This is a short code, which cannot receive texts.": (21265,),
        "The recipient and the sender are the same number.": (21266,),
        "This is a premium-rate number.": (21268,),
        "The recipient or their phone company blocks texts.": (30004,),
    },
    Fault.OPTED_OUT: {
        "The recipient has asked not to receive texts.": (21610, 30630),
    },
    Fault.CONTENT: {
        "The text was stopped by a spam filter.": (30007,),
        "The content cannot be delivered to this phone.": (30011, 30019),
        "The text does not fit its declared purpose.": (30620,),
        "Rules against unwanted texts forbid texting this recipient.": (30640,),
        "The text is too long.": (21617, 21658),
    },
    Fault.TEMPORARY: {
        "The text was not delivered, for a reason that was not given.": (30008,),
        "The phone network was overloaded.": (30017,),
        "The campaign sent too many texts at once.": (30022,),
        "The sender's number is still being set up.": (30035,),
        "The carrier had an internal error.": (20504, 30020, 30021, 30500, 63010, 63012),
        "The carrier blocked the text for a while to prevent fraud.": (30450, 30453, 30485),
        "The text fell into hours when texts are not allowed.": (30047, 30610),
        "The text was stopped because too many went back and forth.": (14107,),
        "Too many texts were waiting.": (21611, 30001),
        "Too many texts were sent at once.": (20429, 63017, 63018),
        "Too many texts are scheduled.": (35125,),
    },
    Fault.DISPUTABLE: {
        "The carrier had an internal error; the text may have arrived.": (20500, 20503),
        "The phone network did not answer; the text may have arrived.": (30410,),
    },
    Fault.OURS: {
        "The text was stopped because it looked like an endless loop.": (30039,),
        "The text or the recipient is missing.": (21602, 21604, 21619),
        "Our address for delivery reports was not accepted.": (21609,),
        "The message was not asked for in a valid way.": (
            *(20001, 21624, 30012, 30013, 30014, 30015, 30016, 30028, 30029, 30030, 30031, 30400),
            *(35111, 35114, 35115, 35117, 35118),
        ),
    },
    Fault.OTHER: {
        "A part of the message is missing.": (30009,),
        "The price is above the limit that was set.": (30010,),
        "A link in the text could not be shortened.": (30103,),
        "The carrier could not read our instructions.": (12400,),
        "Half or more of the sender's daily limit is used up.": (30025, 30026),
        "The text could not be sent in time.": (30036,),
        "The message is too far along to be changed.": (20009, 30409),
        "The carrier could not deliver its report to us.": (11200, 11205, 11243, 57012),
    },
}

_HOUR = timedelta(hours=1)

# How long each of these usually lasts; 30450 is left to a person, as Twilio wants it looked into. 30047 and 30610 are
# quiet hours of eleven, 21:00 to 8:00 where the recipient is: half an hour more leads out of them from anywhere within.
_LASTS = {
    30003: 3 * _HOUR,
    30008: _HOUR,
    30017: _HOUR,
    30022: _HOUR,
    30035: 4 * _HOUR,
    30047: 11.5 * _HOUR,
    30453: _HOUR,
    30485: _HOUR,
    30610: 11.5 * _HOUR,
    **dict.fromkeys((20504, 30020, 30021, 30500, 63010, 63012), _HOUR),
    **dict.fromkeys(THROTTLE_CODES, _HOUR / 4),
}

# The US network counts its days in Pacific time. Where the carrier's own days begin is not documented.
_RENEWED_AT_MIDNIGHT_IN = {
    **dict.fromkeys((30023, 30027), ZoneInfo("America/Los_Angeles")),
    **dict.fromkeys((30454, 63038), ZoneInfo("UTC")),
}

_MEANINGS = {
    code: Meaning(fault, sentence, _LASTS.get(code), _RENEWED_AT_MIDNIGHT_IN.get(code))
    for fault, sentences in _TABLE.items()
    for sentence, codes in sentences.items()
    for code in codes
}
