"""Why a customer cannot be texted, or a person should look, in the words that steps, reminders and cases show."""

OPTED_OUT = "The customer has opted out of SMS."
ANSWERED = "The customer has answered by SMS."
NO_NUMBER = "The customer has no phone number."
BAD_NUMBER = "The phone number must be corrected: "
UNREACHABLE_FOR_LONG = "The last three texts to it did not arrive."


def bad_number(problem: str) -> str:
    """Return the reason for a number of which a carrier says `problem`, a sentence."""
    return BAD_NUMBER + problem[:1].lower() + problem[1:]
