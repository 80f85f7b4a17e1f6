"""What is said to us: people's refusals and texts, and the reports of carriers."""

from tortoise import fields
from tortoise.fields import ForeignKeyRelation, OnDelete
from tortoise.indexes import Index

from dunlin.domain.choices import InboundTextKind, OptOutSource
from dunlin.domain.tables.account import LONGEST_CHOICE, OfOrganization
from dunlin.domain.tables.case import CollectionCase


class _OptOut(OfOrganization):
    """One refusal by whoever has an address, and how it ended. At most one of an address is in force.

    The words are those of a text, or what a person put down as proof; `by` names who put it down.
    """

    opted_out_at = fields.DatetimeField()
    source = fields.CharEnumField(OptOutSource, max_length=LONGEST_CHOICE)
    words = fields.TextField(null=True)
    by = fields.CharField(max_length=200, null=True)
    lifted_at = fields.DatetimeField(null=True)
    lifted_source = fields.CharEnumField(OptOutSource, max_length=LONGEST_CHOICE, null=True)
    lifted_words = fields.TextField(null=True)
    lifted_by = fields.CharField(max_length=200, null=True)

    class Meta:
        abstract = True


class SmsOptOut(_OptOut):
    """A refusal of SMS. `Customer.sms_opted_out_at` repeats what is in force, so that nobody need look further."""

    phone = fields.CharField(max_length=64)  # as it stands in texts that come in

    class Meta:
        table = "sms_opt_out"
        indexes = (Index(fields=("organization_id", "phone", "id")),)


class EmailOptOut(_OptOut):
    """A refusal of e-mail. `Customer.email_opted_out_at` repeats what is in force."""

    email = fields.CharField(max_length=320)

    class Meta:
        table = "email_opt_out"
        indexes = (Index(fields=("organization_id", "email", "id")),)


class InboundText(OfOrganization):
    """One text that somebody sent to an organization's sender. Kept once, however often it is reported."""

    provider_message_id = fields.CharField(max_length=64)
    sender = fields.CharField(max_length=64)  # mostly in E.164; short codes and names write, too
    recipient = fields.CharField(max_length=64)
    text = fields.TextField()
    kind = fields.CharEnumField(InboundTextKind, max_length=LONGEST_CHOICE)
    case: ForeignKeyRelation[CollectionCase] | None = fields.ForeignKeyField(
        "dunlin.CollectionCase", on_delete=OnDelete.RESTRICT, null=True
    )
    case_id: int | None
    received_at = fields.DatetimeField()
    read_at = fields.DatetimeField(null=True)  # by a person
    read_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "inbound_text"
        unique_together = (("organization_id", "provider_message_id"),)
        indexes = (
            Index(fields=("organization_id", "id")),
            Index(fields=("organization_id", "kind", "id")),
            Index(fields=("case_id", "id")),
        )


class ReceivedReport(OfOrganization):
    """A status report of a carrier, in its own words: the inbox that makes repeats harmless. Emptied after a week."""

    attempt_id = fields.BigIntField()  # no foreign key: nothing is read through it, and it would cost a lock
    provider_message_id = fields.CharField(max_length=64)
    state = fields.CharField(max_length=LONGEST_CHOICE)
    error_code = fields.IntField(default=0, db_default=0)
    received_at = fields.DatetimeField()

    class Meta:
        table = "received_report"
        unique_together = (("attempt_id", "provider_message_id", "state", "error_code"),)
        indexes = (Index(fields=("received_at",)),)
