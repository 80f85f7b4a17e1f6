"""The domain's choices as the schema shows them: every member described."""

from enum import EnumType, StrEnum

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

from dunlin.domain import choices, errors, reminder_status


class IntegrationCategory(StrEnum):
    COMMUNICATION = "COMMUNICATION"


MAY_GROW = "More may come: keep a branch for members that you do not know."


def _describe(
    enum: EnumType, description: str, members: dict[str, str], name: str | None = None, *, may_grow: bool = True
) -> None:
    strawberry.enum(enum, name=name, description=f"{description} {MAY_GROW}" if may_grow else description)
    definition: StrawberryEnumDefinition = enum.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = members[value.name]


_describe(
    choices.Permission,
    "What a token allows.",
    {
        "READ": "See organizations, cycles, cases and reminders; phone numbers and e-mail addresses are masked.",
        "CONFIGURE": "Connect and disconnect integrations, and edit collection cycles.",
        "COLLECT": "Open and handle cases, and see phone numbers and e-mail addresses in full.",
        "ADMIN": "Manage the account itself: its organizations and API tokens, and read the audit trail.",
    },
)
_describe(
    choices.ActorKind,
    "How somebody came in.",
    {
        "TOKEN": "By an API token.",
        "USER": "A person who has signed in.",
        "COMMAND_LINE": "The operator of this service, by its command line.",
    },
)
_describe(
    choices.AuditAction,
    "What was done.",
    {
        "ORGANIZATION_CREATED": "An organization was created.",
        "ORGANIZATION_RENAMED": "An organization got another name.",
        "ORGANIZATION_CLOSED": "An organization was closed, with its integrations and cases.",
        "SENDING_POLICY_UPDATED": "When reminders may leave was changed.",
        "SPENDING_LIMIT_SET": "The monthly spending limit was set, changed or removed.",
        "RETURN_REASON_SET": "Another reaction to a return reason was chosen.",
        "INTEGRATION_CONNECTED": "An integration was connected.",
        "INTEGRATION_DISCONNECTED": "An integration was disconnected, with all that follows.",
        "CYCLE_CREATED": "A collection cycle was created.",
        "STEP_ADDED": "A step was added to a cycle.",
        "STEP_EDITED": "A step of a cycle was edited.",
        "STEP_REMOVED": "A step was removed from its cycle.",
        "CASES_OPENED": "Cases were opened: how many, and the first and last reference.",
        "MANDATES_REGISTERED": "Mandates became known: how many, and the first and last reference.",
        "CREDITOR_ACCOUNTS_SET": "The accounts that bank files must be about were set.",
        "BANK_FILE_IMPORTED": "Returned direct debits were taken from a bank's file, at most 500 an entry.",
        "CUSTOMER_DECEASED": "A customer's death was told (MD07); every case of theirs was stopped.",
        "CASE_STEP_EDITED": "A pending step of a case got another method.",
        "CASE_PAUSED": "A case was paused, or its pause got another reason or day.",
        "CASE_RESUMED": "A paused case was resumed by a person.",
        "CASE_CLOSED": "A case was closed by a person.",
        "PAYMENT_RECORDED": "A payment was recorded for a case.",
        "REMINDER_CANCELED": "A scheduled reminder was canceled by a person.",
        "REMINDER_CONFIRMED_SENT": "A person confirmed that an unconfirmed reminder was sent.",
        "REMINDER_RESENT": "A reminder was sent again by a person; the subject is the new one.",
        "CUSTOMER_PHONE_CHANGED": "A customer got another phone number, or the same one was said to be right.",
        "CUSTOMER_EMAIL_CHANGED": "A customer got another e-mail address, or the same one was said to be right.",
        "CUSTOMER_OPTED_OUT": "A person put down that a customer refuses SMS or e-mail.",
        "CUSTOMER_OPTED_IN": "A person put down that a customer wants SMS or e-mail again.",
        "INBOUND_TEXT_READ": "A person has dealt with a text that came in.",
        "TOKEN_CREATED": "An API token was made.",
        "TOKEN_REVOKED": "An API token was revoked.",
    },
)
_describe(
    choices.Weekday,
    "A day of the week.",
    {day.value: day.value.capitalize() + "." for day in choices.Weekday},
    may_grow=False,
)
_describe(
    IntegrationCategory,
    "The sections of the Integrations page.",
    {"COMMUNICATION": "Ways to reach customers."},
)
_describe(
    choices.IntegrationKind,
    "What an integration does.",
    {"SMS": "Sends reminders by SMS.", "EMAIL": "Sends reminders by e-mail."},
)
_describe(
    choices.IntegrationStatus,
    "Whether an integration can be used.",
    {
        "CONNECTED": "Connected: steps may use it.",
        "DISCONNECTED": "Not connected: no step uses it and nothing goes out.",
        "NEEDS_ATTENTION": "The carrier refuses the account: reminders wait until somebody connects again.",
    },
)
_describe(
    choices.IntegrationProvider,
    "The carrier behind an integration.",
    {
        "TWILIO": "A Twilio account.",
        "SMTP": "A mail server.",
        "SANDBOX": "The built-in sandbox carrier: messages go nowhere and can be read in its outbox.",
    },
)
_describe(
    choices.CommunicationMethod,
    "How a step reaches the customer: exactly one way.",
    {
        "NONE": "Not at all: nothing is sent.",
        "EMAIL": "By e-mail; only while EMAIL is among the organization's availableCommunicationMethods.",
        "SMS": "By SMS; only while SMS is among the organization's availableCommunicationMethods.",
    },
)
_describe(
    choices.CaseOrigin,
    "Why a case was opened.",
    {
        "OVERDUE_INVOICE": "An invoice was not paid in time.",
        "DIRECT_DEBIT_RETURN": "A direct debit came back from the bank.",
    },
)
_describe(
    choices.ReturnReaction,
    "What a case does about its return reason.",
    {
        "REMIND": "Reminds like any other case.",
        "ASK_FOR_MANDATE": "Reminds, and its texts can ask for a new account or mandate: "
        '{% if reaction == "ASK_FOR_MANDATE" %}...{% endif %}.',
        "PERSON_FIRST": "Opens PAUSED and asks for attention: a person decides, and resumes or closes it.",
        "NEVER": "Opens PAUSED and asks for attention; nothing is ever sent. With MD07, nothing is sent in any case of "
        "that customer.",
    },
)
_describe(
    choices.ReturnOutcome,
    "What became of a transaction of a bank's file.",
    {
        "OPENED": "A case was opened for it.",
        "UPDATED": "Its case got the return reason, and does what that asks for.",
        "ALREADY_KNOWN": "It was taken before, from whatever file: nothing was changed.",
        "NOT_USED": "Nothing was done about it; reason says why.",
    },
    name="BankReturnOutcome",
)
_describe(
    choices.CaseState,
    "Where a case stands.",
    {
        "ACTIVE": "Runs by itself through its steps.",
        "PAUSED": "Keeps its schedule, but nothing goes out.",
        "CLOSED": "Has ended; see closedReason.",
    },
)
_describe(
    choices.CaseClosedReason,
    "Why a case ended.",
    {
        "PAID": "Nothing is due any more.",
        "COMPLETED": "All steps are done and no reminder is under way.",
        "MANUAL": "A person closed it.",
    },
)
_describe(
    choices.CaseStepState,
    "Where a step of a case stands.",
    {
        "PENDING": "Not due yet.",
        "DONE": "Its reminder has been planned.",
        "SKIPPED": "Nothing was sent; see skippedReason.",
    },
)
_describe(
    reminder_status.ReminderStatus,
    "Where a reminder stands. It only moves forward, but for SENDING, which returns to SCHEDULED where the "
    "carrier certainly did not take the message.",
    {
        "SCHEDULED": "Planned; goes out at scheduledFor.",
        "SENDING": "Being handed to the carrier.",
        "SENT": "The carrier has it.",
        "DELIVERED": "The carrier reports that it arrived.",
        "UNDELIVERED": "The carrier reports that it did not arrive.",
        "FAILED": "The carrier refused it or could not send it.",
        "CANCELED": "Not sent, on purpose; see statusReason.",
        "UNCONFIRMED": "Whether the carrier has it is not known. It is never sent again on a guess.",
    },
)
_describe(
    choices.InboundTextKind,
    "What a text that came in asks for.",
    {
        "STOP": "No more SMS from this organization.",
        "START": "SMS again, after STOP.",
        "HELP": "Information. The carrier answers it.",
        "OTHER": "Something else: for a person to read.",
    },
)
_describe(
    choices.OptOutSource,
    "Which way somebody said that they refuse SMS or e-mail, or want it again.",
    {
        "SMS": "By a text to one of our senders.",
        "CARRIER": "The carrier said so, when a text was to be sent (error 21610). Never given by a person.",
        "PHONE_CALL": "On the phone.",
        "EMAIL": "By e-mail, or by the unsubscribe button of a mail program.",
        "LETTER": "By letter.",
        "IN_PERSON": "In person.",
        "WEB": "On a web site or in an app.",
        "OTHER": "Another way; the text says which.",
    },
)
_describe(
    choices.EmailProblemKind,
    "What is wrong with an e-mail address.",
    {
        "INVALID": "There is no such mailbox.",
        "UNREACHABLE": "The last three e-mails to it did not arrive.",
    },
)
_describe(
    choices.PhoneProblemKind,
    "What is wrong with a phone number.",
    {
        "INVALID": "There is no such number.",
        "LANDLINE": "It cannot receive texts.",
        "UNREACHABLE": "The last three texts to it did not arrive.",
    },
)
_describe(
    choices.SmsEncoding,
    "How a text is encoded, which decides how many characters fit a segment.",
    {
        "GSM_7": "The GSM alphabet: 160 characters alone, 153 per joined segment; some count double.",
        "UCS_2": "Everything else: 70 UTF-16 units alone, 67 per joined segment.",
    },
)
_describe(
    choices.Check,
    "What is looked at before a reminder goes out, in this order.",
    {
        "DEBTOR": "The debtor is not known to have died.",
        "METHOD": "The step has a communication method.",
        "INTEGRATION": "The method is connected, and the carrier takes the account.",
        "CASE": "The case runs, and nobody has stopped the reminder.",
        "OPT_OUT": "The customer has not refused texts.",
        "NUMBER": "There is a number to send to. Of texts only.",
        "EMAIL_ADDRESS": "There is an address to send to. Of e-mails only.",
        "TEXT": "There is a text in a fitting language, and it can be filled in.",
        "WINDOW": "The send window is open by every clock that may be the customer's.",
        "HOLIDAY": "It is no public holiday. Only where the organization keeps them free.",
        "MINIMUM_GAP": "No other reminder to the customer is too near. Only where the organization wants a gap.",
        "WEEKLY_MAXIMUM": "The customer's reminders in 7 days are not used up. Only where there is such a limit.",
        "SPENDING_LIMIT": "The monthly spending limit has room for it. Only where there is one, and when it is to go.",
        "PLANNING": "Nothing went wrong on our side. Shown only where something did.",
    },
    name="DecisionCheckName",
)
_describe(
    choices.CheckOutcome,
    "What a check found.",
    {
        "PASSED": "Nothing stands in the way.",
        "HELD": "The reminder waits.",
        "FAILED": "Nothing is sent.",
    },
    name="DecisionOutcome",
)
_describe(
    errors.ProblemCode,
    "Why a mutation changed nothing.",
    {
        "NOT_FOUND": "There is no such thing, or no more, or it belongs to somebody else.",
        "INVALID": "A value cannot be used; the message says what can.",
        "REQUIRED": "Something is missing that path names.",
        "CONFIRMATION_REQUIRED": "The call needs confirmed: true.",
        "IMPACT_CHANGED": "The figures have changed since impactToken was read: show disconnectImpact again.",
        "ALREADY_CONNECTED": "The integration is connected already.",
        "NOT_CONNECTED": "The integration is not connected.",
        "METHOD_UNAVAILABLE": "The method's integration is not connected for this organization.",
        "CREDENTIALS_REJECTED": "The carrier does not accept the account or its keys.",
        "SENDER_REJECTED": "The sender does not belong to the account or cannot send texts.",
        "CARRIER_UNAVAILABLE": "The carrier did not answer, so nothing could be checked: try again later.",
        "STALE_VERSION": "Somebody else has edited it since; the payload shows it as it is now.",
        "TEXT_TOO_LONG": "The text has too many characters.",
        "UNKNOWN_PLACEHOLDER": "The text names a placeholder that does not exist.",
        "CASE_CLOSED": "The case has ended; the message says why.",
        "WRONG_STATE": "What is asked for is not possible in the present state; the message names it.",
        "IDEMPOTENCY_KEY_REUSED": "The idempotency key came with another input before: use a new one.",
        "DUPLICATE": "The same thing is given twice, or there is one already.",
    },
    name="UserErrorCode",
)
