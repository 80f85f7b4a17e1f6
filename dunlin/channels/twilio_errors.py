"""What Twilio's error codes mean, for a person and for what follows.

Source: https://www.twilio.com/docs/api/errors. Codes appear and change without notice, so every caller
has to live with a code that is not listed here.
"""

from dataclasses import dataclass

from dunlin.domain.carrier import Fault

# Nothing was sent and the same message may go later.
THROTTLE_CODES = frozenset({14107, 20429, 21611, 30001, 35125, 63017, 63018})


@dataclass(frozen=True, slots=True)
class Meaning:
    fault: Fault
    sentence: str


def explain(code: int) -> Meaning:
    """Return whom a code is about and a sentence for a clerk, without numbers or names of people."""
    return _MEANINGS.get(code) or Meaning(Fault.OTHER, f"The carrier reported error {code}.")


_TABLE: dict[Fault, dict[str, tuple[int, ...]]] = {
    Fault.CREDENTIALS: {
        "The carrier did not accept the keys of this account.": (20003,),
        "The account at the carrier is not active: it is suspended or has no funds.": (10001, 20005, 90010),
        "The keys lack a permission at the carrier.": (20006, 20010, 70051),
        "These are test keys, which cannot do this.": (20008,),
        "The carrier does not know this account.": (20404,),
        "The account at the carrier was suspended.": (30002,),
        "The account may not send texts.": (30037,),
        "The account has reached its message limit.": (30454, 63038),
        "A trial account cannot do this.": (10002, 21267),
    },
    Fault.SENDER: {
        "The account may not send texts to this country.": (21408,),
        "The sender is missing or not valid.": (21212, 21603, 21657),
        "The sender cannot send texts.": (21601, 21606, 21661),
        "The sender's number does not belong to the carrier or cannot text this country.": (21659,),
        "The sender belongs to another account.": (21660,),
        "The messaging service does not exist or cannot be used.": (21701, 21702, 21705),
        "The messaging service has no number to send from.": (21703, 21704),
        "The sender is not part of the messaging service.": (21711,),
        "The sender must be registered for this country first.": (30018, 30024, 30040, 30041),
        "The sender's name is too general and was blocked.": (30042,),
        "The sender's toll-free number is not verified.": (30032,),
        "The sender's US campaign is suspended.": (30033,),
        "The sender's US number is not registered.": (30034,),
        "The sender has reached its daily limit.": (30023, 30027),
    },
    Fault.RECIPIENT: {
        "A trial account may text confirmed numbers only.": (21608,),
        "This is not a valid phone number.": (21211,),
        "This phone number cannot be reached.": (21214,),
        "This phone number cannot be reached from this sender.": (21612,),
        "This phone number cannot receive texts.": (21614,),
        "This is a landline number.": (21635,),
        "This is a short code, which cannot receive texts.": (21265,),
        "The recipient and the sender are the same number.": (21266,),
        "This is a premium-rate number.": (21268,),
        "The recipient or their phone company blocks texts.": (30004,),
        "The phone number is not in use.": (30005,),
        "The number is a landline or its phone company cannot be reached.": (30006,),
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
    Fault.OTHER: {
        "The phone was off or out of reach.": (30003,),
        "The text was not delivered, for a reason that was not given.": (30008,),
        "A part of the message is missing.": (30009,),
        "The price is above the limit that was set.": (30010,),
        "A link in the text could not be shortened.": (30103,),
        "The carrier could not read our instructions.": (12400,),
        "The phone network was overloaded.": (30017,),
        "The campaign sent too many texts at once.": (30022,),
        "The sender's number is still being set up.": (30035,),
        "Half or more of the sender's daily limit is used up.": (30025, 30026),
        "The carrier had an internal error.": (20500, 20503, 20504, 30020, 30021, 30500, 63010, 63012),
        "The phone network did not answer; the text may have arrived.": (30410,),
        "The text could not be sent in time.": (30036,),
        "The text was stopped because it looked like an endless loop.": (14107, 30039),
        "Too many texts were waiting.": (21611, 30001),
        "Too many texts were sent at once.": (20429, 63017, 63018),
        "Too many texts are scheduled.": (35125,),
        "The carrier blocked the text for a while to prevent fraud.": (30450, 30453, 30485),
        "The text fell into hours when texts are not allowed.": (30047, 30610),
        "The text or the recipient is missing.": (21602, 21604, 21619),
        "Our address for delivery reports was not accepted.": (21609,),
        "The message was not asked for in a valid way.": (
            *(20001, 21624, 30012, 30013, 30014, 30015, 30016, 30028, 30029, 30030, 30031, 30400),
            *(35111, 35114, 35115, 35117, 35118),
        ),
        "The message is too far along to be changed.": (20009, 30409),
        "The carrier could not deliver its report to us.": (11200, 11205, 11243, 57012),
    },
}

_MEANINGS = {
    code: Meaning(fault, sentence)
    for fault, sentences in _TABLE.items()
    for sentence, codes in sentences.items()
    for code in codes
}
