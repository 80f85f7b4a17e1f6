"""The closed choices that tables, rules and the schema share. Stored by their names."""

from enum import StrEnum


class Permission(StrEnum):
    READ = "READ"
    CONFIGURE = "CONFIGURE"
    COLLECT = "COLLECT"
    ADMIN = "ADMIN"


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


class IntegrationStatus(StrEnum):
    CONNECTED = "CONNECTED"
    DISCONNECTED = "DISCONNECTED"
    NEEDS_ATTENTION = "NEEDS_ATTENTION"


class IntegrationProvider(StrEnum):
    TWILIO = "TWILIO"
    SANDBOX = "SANDBOX"


class CommunicationMethod(StrEnum):
    NONE = "NONE"
    EMAIL = "EMAIL"
    SMS = "SMS"


class CaseOrigin(StrEnum):
    OVERDUE_INVOICE = "OVERDUE_INVOICE"
    DIRECT_DEBIT_RETURN = "DIRECT_DEBIT_RETURN"


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
