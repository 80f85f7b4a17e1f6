"""The closed choices that tables, rules and the schema share. Stored by their names."""

from enum import StrEnum


class Permission(StrEnum):
    READ = "READ"
    CONFIGURE = "CONFIGURE"
    COLLECT = "COLLECT"
    ADMIN = "ADMIN"


class ActorKind(StrEnum):
    TOKEN = "TOKEN"
    USER = "USER"
    COMMAND_LINE = "COMMAND_LINE"


class AuditAction(StrEnum):
    ORGANIZATION_CREATED = "ORGANIZATION_CREATED"
    ORGANIZATION_RENAMED = "ORGANIZATION_RENAMED"
    ORGANIZATION_CLOSED = "ORGANIZATION_CLOSED"
    SENDING_POLICY_UPDATED = "SENDING_POLICY_UPDATED"
    SPENDING_LIMIT_SET = "SPENDING_LIMIT_SET"
    RETURN_REASON_SET = "RETURN_REASON_SET"
    INTEGRATION_CONNECTED = "INTEGRATION_CONNECTED"
    INTEGRATION_DISCONNECTED = "INTEGRATION_DISCONNECTED"
    CYCLE_CREATED = "CYCLE_CREATED"
    STEP_ADDED = "STEP_ADDED"
    STEP_EDITED = "STEP_EDITED"
    STEP_REMOVED = "STEP_REMOVED"
    CASES_OPENED = "CASES_OPENED"
    MANDATES_REGISTERED = "MANDATES_REGISTERED"
    CREDITOR_ACCOUNTS_SET = "CREDITOR_ACCOUNTS_SET"
    BANK_FILE_IMPORTED = "BANK_FILE_IMPORTED"
    CUSTOMER_DECEASED = "CUSTOMER_DECEASED"
    CASE_STEP_EDITED = "CASE_STEP_EDITED"
    CASE_PAUSED = "CASE_PAUSED"
    CASE_RESUMED = "CASE_RESUMED"
    CASE_CLOSED = "CASE_CLOSED"
    PAYMENT_RECORDED = "PAYMENT_RECORDED"
    REMINDER_CANCELED = "REMINDER_CANCELED"
    REMINDER_CONFIRMED_SENT = "REMINDER_CONFIRMED_SENT"
    REMINDER_RESENT = "REMINDER_RESENT"
    CUSTOMER_PHONE_CHANGED = "CUSTOMER_PHONE_CHANGED"
    CUSTOMER_EMAIL_CHANGED = "CUSTOMER_EMAIL_CHANGED"
    CUSTOMER_OPTED_OUT = "CUSTOMER_OPTED_OUT"
    CUSTOMER_OPTED_IN = "CUSTOMER_OPTED_IN"
    INBOUND_TEXT_READ = "INBOUND_TEXT_READ"
    TOKEN_CREATED = "TOKEN_CREATED"
    TOKEN_REVOKED = "TOKEN_REVOKED"


class Weekday(StrEnum):
    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


class IntegrationKind(StrEnum):
    SMS = "SMS"
    EMAIL = "EMAIL"


class IntegrationStatus(StrEnum):
    CONNECTED = "CONNECTED"
    DISCONNECTED = "DISCONNECTED"
    NEEDS_ATTENTION = "NEEDS_ATTENTION"


class IntegrationProvider(StrEnum):
    TWILIO = "TWILIO"
    SMTP = "SMTP"
    SANDBOX = "SANDBOX"


class CommunicationMethod(StrEnum):
    NONE = "NONE"
    EMAIL = "EMAIL"
    SMS = "SMS"


class CaseOrigin(StrEnum):
    OVERDUE_INVOICE = "OVERDUE_INVOICE"
    DIRECT_DEBIT_RETURN = "DIRECT_DEBIT_RETURN"


class ReturnReaction(StrEnum):
    REMIND = "REMIND"
    ASK_FOR_MANDATE = "ASK_FOR_MANDATE"
    PERSON_FIRST = "PERSON_FIRST"
    NEVER = "NEVER"


class DateBasis(StrEnum):
    """What a return is dated by: the day of the collection, of its booking, or of the file that tells of it."""

    COLLECTED = "COLLECTED"
    BOOKED = "BOOKED"
    REPORTED = "REPORTED"


class ReturnOutcome(StrEnum):
    OPENED = "OPENED"
    UPDATED = "UPDATED"
    ALREADY_KNOWN = "ALREADY_KNOWN"
    NOT_USED = "NOT_USED"


class CaseState(StrEnum):
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    CLOSED = "CLOSED"


class CaseClosedReason(StrEnum):
    PAID = "PAID"
    COMPLETED = "COMPLETED"
    MANUAL = "MANUAL"


class CaseStepState(StrEnum):
    PENDING = "PENDING"
    DONE = "DONE"
    SKIPPED = "SKIPPED"


class SmsEncoding(StrEnum):
    GSM_7 = "GSM_7"
    UCS_2 = "UCS_2"


class Check(StrEnum):
    """What is looked at before a reminder goes out, in this order."""

    DEBTOR = "DEBTOR"
    METHOD = "METHOD"
    INTEGRATION = "INTEGRATION"
    CASE = "CASE"
    OPT_OUT = "OPT_OUT"
    NUMBER = "NUMBER"
    EMAIL_ADDRESS = "EMAIL_ADDRESS"
    TEXT = "TEXT"
    WINDOW = "WINDOW"
    HOLIDAY = "HOLIDAY"
    MINIMUM_GAP = "MINIMUM_GAP"
    WEEKLY_MAXIMUM = "WEEKLY_MAXIMUM"
    SPENDING_LIMIT = "SPENDING_LIMIT"
    PLANNING = "PLANNING"


class CheckOutcome(StrEnum):
    PASSED = "PASSED"
    HELD = "HELD"
    FAILED = "FAILED"


class Settlement(StrEnum):
    """What becomes of the money that was reserved for a handing over. It moves forward only."""

    RESERVED = "RESERVED"
    RELEASED = "RELEASED"
    SPENT = "SPENT"


class InboundTextKind(StrEnum):
    STOP = "STOP"
    START = "START"
    HELP = "HELP"
    OTHER = "OTHER"


class OptOutSource(StrEnum):
    SMS = "SMS"
    CARRIER = "CARRIER"
    PHONE_CALL = "PHONE_CALL"
    EMAIL = "EMAIL"
    LETTER = "LETTER"
    IN_PERSON = "IN_PERSON"
    WEB = "WEB"
    OTHER = "OTHER"


class EmailProblemKind(StrEnum):
    INVALID = "INVALID"
    UNREACHABLE = "UNREACHABLE"


class PhoneProblemKind(StrEnum):
    INVALID = "INVALID"
    LANDLINE = "LANDLINE"
    UNREACHABLE = "UNREACHABLE"
