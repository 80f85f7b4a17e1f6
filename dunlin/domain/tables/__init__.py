"""What is stored. Every table of an organization's data carries its organization, and every hot query
starts from it, so that the tables can be partitioned or distributed by organization.

Times are aware UTC datetimes. Money is an exact decimal with its currency.
"""

from dunlin.domain.tables.account import Account, AuditEntry, IdempotencyKey, OfOrganization, Organization, Token
from dunlin.domain.tables.answer import EmailOptOut, InboundText, ReceivedReport, SmsOptOut
from dunlin.domain.tables.bank import BankImport, BankImportLine, CreditorAccount, ReturnedDebit
from dunlin.domain.tables.case import CaseStep, CollectionCase, Customer, Mandate, Payment, ReturnReasonChoice
from dunlin.domain.tables.cycle import CollectionCycle, CollectionStep, StepTexts
from dunlin.domain.tables.integration import Connection, Integration, SmsPrice
from dunlin.domain.tables.reminder import DeliveryEvent, DeliverySequence, Reminder, SendAttempt
from dunlin.domain.tables.spending import MonthlySpending

__all__ = [
    "Account",
    "AuditEntry",
    "BankImport",
    "BankImportLine",
    "CaseStep",
    "CollectionCase",
    "CollectionCycle",
    "CollectionStep",
    "Connection",
    "CreditorAccount",
    "Customer",
    "DeliveryEvent",
    "DeliverySequence",
    "EmailOptOut",
    "IdempotencyKey",
    "InboundText",
    "Integration",
    "Mandate",
    "MonthlySpending",
    "OfOrganization",
    "Organization",
    "Payment",
    "ReceivedReport",
    "Reminder",
    "ReturnReasonChoice",
    "ReturnedDebit",
    "SendAttempt",
    "SmsOptOut",
    "SmsPrice",
    "StepTexts",
    "Token",
]
