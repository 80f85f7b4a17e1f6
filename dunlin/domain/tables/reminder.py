"""Reminders, their way to the carrier, and every change of their status."""

from tortoise import fields
from tortoise.fields import ForeignKeyRelation, OnDelete
from tortoise.indexes import Index, PartialIndex
from tortoise.models import Model

from dunlin.domain.carrier import Fault
from dunlin.domain.choices import CommunicationMethod, Settlement, SmsEncoding
from dunlin.domain.reminder_status import ReminderStatus
from dunlin.domain.tables.account import LONGEST_CHOICE, OfOrganization, Organization
from dunlin.domain.tables.case import CaseStep, CollectionCase
from dunlin.domain.tables.integration import Connection, Integration


class Reminder(OfOrganization):
    """One message for one case step. The row is the outbox: what it says is what happens."""

    case: ForeignKeyRelation[CollectionCase] = fields.ForeignKeyField(
        "dunlin.CollectionCase", on_delete=OnDelete.RESTRICT
    )
    case_id: int
    case_step: ForeignKeyRelation[CaseStep] = fields.ForeignKeyField("dunlin.CaseStep", on_delete=OnDelete.RESTRICT)
    case_step_id: int
    resend_number = fields.IntField(default=0)  # 0 is the step's first
    is_retry = fields.BooleanField(default=False, db_default=False)  # sent again by itself, not by a person's decision
    integration: ForeignKeyRelation[Integration] = fields.ForeignKeyField(
        "dunlin.Integration", on_delete=OnDelete.RESTRICT
    )
    integration_id: int
    method = fields.CharEnumField(CommunicationMethod, max_length=LONGEST_CHOICE)
    to = fields.CharField(max_length=320)
    text = fields.TextField()
    subject = fields.CharField(max_length=500, null=True)  # of an e-mail
    language = fields.CharField(max_length=16)
    is_fallback_language = fields.BooleanField(default=False, db_default=False)  # the customer's has no text
    encoding = fields.CharEnumField(SmsEncoding, max_length=LONGEST_CHOICE, null=True)  # of a text
    segments = fields.IntField(null=True)
    estimated_cost = fields.DecimalField(max_digits=20, decimal_places=10, null=True)
    estimated_cost_currency = fields.CharField(max_length=3, null=True)
    status = fields.CharEnumField(ReminderStatus, max_length=LONGEST_CHOICE, default=ReminderStatus.SCHEDULED)
    status_reason = fields.CharField(max_length=1_000, null=True)
    error_code = fields.IntField(null=True)
    fault = fields.CharEnumField(Fault, max_length=LONGEST_CHOICE, null=True)  # what the error code is about
    provider_message_id = fields.CharField(max_length=64, null=True)
    scheduled_for = fields.DatetimeField()
    handed_over_at = fields.DatetimeField(null=True)  # the beginning of the last handing over
    sent_at = fields.DatetimeField(null=True)
    delivered_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    # A claim: who holds the current fence until `lease_until` may hand over. Both in database time.
    fence = fields.IntField(default=0)
    lease_until = fields.DatetimeField(null=True)
    tries = fields.IntField(default=0)
    # When the carrier is next asked what became of it, and how often it has been. Database time.
    check_at = fields.DatetimeField(null=True)
    checks = fields.IntField(default=0, db_default=0)
    absent_at = fields.DatetimeField(null=True)  # when the carrier's list first lacked it

    class Meta:
        table = "reminder"
        unique_together = (("case_step_id", "resend_number"),)
        indexes = (
            Index(fields=("organization_id", "id")),
            Index(fields=("organization_id", "status", "id")),
            Index(fields=("case_id", "id")),
            PartialIndex(
                fields=("integration_id", "scheduled_for", "id"),
                condition={"status": "SCHEDULED"},
                name="reminder_due",
            ),
            PartialIndex(fields=("lease_until",), condition={"status": "SENDING"}, name="reminder_sending"),
            PartialIndex(fields=("check_at",), condition={"status": "SENT"}, name="reminder_to_poll"),
            PartialIndex(fields=("check_at",), condition={"status": "UNCONFIRMED"}, name="reminder_to_look_up"),
        )


class SendAttempt(OfOrganization):
    """One handing over, begun. `correlation` stands in the callback address and nowhere else."""

    reminder: ForeignKeyRelation[Reminder] = fields.ForeignKeyField("dunlin.Reminder", on_delete=OnDelete.RESTRICT)
    reminder_id: int
    connection: ForeignKeyRelation[Connection] = fields.ForeignKeyField(
        "dunlin.Connection", on_delete=OnDelete.RESTRICT
    )
    connection_id: int
    fence = fields.IntField()
    correlation = fields.CharField(max_length=43, unique=True)
    began_at = fields.DatetimeField()
    outcome = fields.CharField(max_length=LONGEST_CHOICE, default="Open")  # then the answer's class
    provider_message_id = fields.CharField(max_length=64, null=True)
    # What it was expected to cost when it began, and the month that this counts for; None where no price was known.
    cost = fields.DecimalField(max_digits=20, decimal_places=10, null=True)
    cost_currency = fields.CharField(max_length=3, null=True)
    spending_month = fields.DateField(null=True)
    settlement = fields.CharEnumField(Settlement, max_length=LONGEST_CHOICE, null=True)

    class Meta:
        table = "send_attempt"
        indexes = (
            Index(fields=("reminder_id",)),
            Index(fields=("connection_id",)),
            Index(fields=("provider_message_id",)),
            PartialIndex(fields=("connection_id",), condition={"outcome": "Open"}, name="send_attempt_open"),
        )


class DeliveryEvent(OfOrganization):
    """One change of a reminder's status. `sequence` has no gaps within its organization and follows commits."""

    sequence = fields.BigIntField()
    reminder: ForeignKeyRelation[Reminder] = fields.ForeignKeyField("dunlin.Reminder", on_delete=OnDelete.RESTRICT)
    reminder_id: int
    case_id = fields.BigIntField()
    status = fields.CharEnumField(ReminderStatus, max_length=LONGEST_CHOICE)
    reason = fields.CharField(max_length=1_000, null=True)
    error_code = fields.IntField(null=True)
    occurred_at = fields.DatetimeField()

    class Meta:
        table = "delivery_event"
        unique_together = (("organization_id", "sequence"),)
        indexes = (Index(fields=("reminder_id",)),)


class DeliverySequence(Model):
    """The last sequence given out per organization; the row lock makes sequence order commit order."""

    id = fields.BigIntField(primary_key=True)
    organization: ForeignKeyRelation[Organization] = fields.OneToOneField(
        "dunlin.Organization", on_delete=OnDelete.RESTRICT
    )
    organization_id: int
    last_sequence = fields.BigIntField(default=0)

    class Meta:
        table = "delivery_sequence"
