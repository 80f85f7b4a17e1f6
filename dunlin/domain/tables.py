"""What is stored. Every table of an organization's data carries its organization, and every hot query
starts from it, so that the tables can be partitioned or distributed by organization.

Times are aware UTC datetimes. Money is an exact decimal with its currency.
"""

from decimal import Decimal
from typing import Any

from tortoise import fields
from tortoise.fields import ForeignKeyRelation, OnDelete
from tortoise.fields.db_defaults import SqlDefault
from tortoise.indexes import Index, PartialIndex
from tortoise.models import Model

from dunlin.domain.carrier import Fault, SenderKind
from dunlin.domain.choices import (
    ActorKind,
    AuditAction,
    CaseClosedReason,
    CaseOrigin,
    CaseState,
    CaseStepState,
    CommunicationMethod,
    InboundTextKind,
    IntegrationKind,
    IntegrationProvider,
    IntegrationStatus,
    OptOutSource,
    PhoneProblemKind,
    ReturnReaction,
    SmsEncoding,
)
from dunlin.domain.reminder_status import ReminderStatus

_NAME = 32  # the longest member of any stored choice is shorter


class Account(Model):
    """Who uses Dunlin: the owner of one or more organizations."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=200)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "account"


class Token(Model):
    """An API token. Only its keyed hash is stored; without `organization_ids` it opens the whole account.

    `prefix` is how the secret begins, to name the token by; `key_id` names the key of the hash.
    """

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("dunlin.Account", on_delete=OnDelete.RESTRICT)
    account_id: int
    organization_ids = fields.JSONField[list[int] | None](null=True)  # ascending
    name = fields.CharField(max_length=200)
    prefix = fields.CharField(max_length=12)
    digest = fields.CharField(max_length=64, unique=True)  # hexadecimal
    key_id = fields.CharField(max_length=8)  # hexadecimal
    permissions = fields.JSONField[list[str]]()
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)  # to about a minute
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "token"
        indexes = (Index(fields=("account_id", "id")),)


class Organization(Model):
    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("dunlin.Account", on_delete=OnDelete.RESTRICT)
    account_id: int
    name = fields.CharField(max_length=200)
    country = fields.CharField(max_length=2)
    time_zone = fields.CharField(max_length=64)
    default_language = fields.CharField(max_length=16)
    window_start = fields.CharField(max_length=5, default="08:00")
    window_end = fields.CharField(max_length=5, default="20:00")
    window_days = fields.JSONField[list[str]]()
    skip_holidays = fields.BooleanField(default=True, db_default=True)
    minimum_gap_hours = fields.IntField(default=24, db_default=24)  # between two reminders to a customer; 0: none
    maximum_per_week = fields.IntField(default=3, db_default=3)  # reminders to a customer in 7 days; 0: no limit
    last_case_number = fields.IntField(default=0)
    created_at = fields.DatetimeField(auto_now_add=True)
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "organization"


class AuditEntry(Model):
    """One thing that somebody did. Never changed; without `organization` it concerns the account itself.

    `subject` is the type and row of what was changed, e.g. "CollectionStep:12". `changes` are the fields that are
    different now, as text, each with `field`, `before` and `after`; never a secret.
    """

    id = fields.BigIntField(primary_key=True)
    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("dunlin.Account", on_delete=OnDelete.RESTRICT)
    account_id: int
    organization: ForeignKeyRelation[Organization] | None = fields.ForeignKeyField(
        "dunlin.Organization", on_delete=OnDelete.RESTRICT, null=True
    )
    organization_id: int | None
    occurred_at = fields.DatetimeField()
    actor_kind = fields.CharEnumField(ActorKind, max_length=_NAME)
    actor_id = fields.CharField(max_length=255)
    actor_name = fields.CharField(max_length=200)
    address = fields.CharField(max_length=255, null=True)
    action = fields.CharEnumField(AuditAction, max_length=_NAME, description="What was done.")  # grows: not listed
    subject = fields.CharField(max_length=64)
    changes = fields.JSONField[list[dict[str, str | None]]]()

    class Meta:
        table = "audit_entry"
        indexes = (Index(fields=("account_id", "id")), Index(fields=("organization_id", "id")))


class OfOrganization(Model):
    """What every row of an organization's data begins with."""

    id = fields.BigIntField(primary_key=True)
    organization: ForeignKeyRelation[Organization] = fields.ForeignKeyField(
        "dunlin.Organization", on_delete=OnDelete.RESTRICT
    )
    organization_id: int

    class Meta:
        abstract = True


class Integration(OfOrganization):
    """One card of an organization's Integrations page. Locked by whoever hands over and by whoever disconnects.

    Nothing goes out before `held_until`: a limit at the carrier is used up, which is no fault of anybody's.
    """

    kind = fields.CharEnumField(IntegrationKind, max_length=_NAME)
    status = fields.CharEnumField(IntegrationStatus, max_length=_NAME, default=IntegrationStatus.DISCONNECTED)
    connection_id = fields.BigIntField(null=True)  # no foreign key: that table's points here already
    connected_at = fields.DatetimeField(null=True)
    disconnected_at = fields.DatetimeField(null=True)
    attention_reason = fields.CharField(max_length=1_000, null=True)
    inbound_key = fields.UUIDField(
        unique=True, db_default=SqlDefault("gen_random_uuid()")
    )  # stands in an address; never changes
    held_until = fields.DatetimeField(null=True)
    held_reason = fields.CharField(max_length=1_000, null=True)

    class Meta:
        table = "integration"
        unique_together = (("organization_id", "kind"),)


class Connection(OfOrganization):
    """One act of connecting: account, sender and sealed keys. Those of before its column lack `account_sid`.

    Its keys outlive a disconnect until what it handed over has settled, because the carrier's callbacks are checked
    with them; then `sealed_credentials` is None.
    """

    integration: ForeignKeyRelation[Integration] = fields.ForeignKeyField(
        "dunlin.Integration", related_name="connections", on_delete=OnDelete.RESTRICT
    )
    integration_id: int
    provider = fields.CharEnumField(IntegrationProvider, max_length=_NAME)
    account_sid = fields.CharField(max_length=64, null=True)
    sender_kind = fields.CharEnumField(SenderKind, max_length=_NAME)
    sender = fields.CharField(max_length=64)
    sealed_credentials = fields.BinaryField(null=True)
    inbound_is_set = fields.BooleanField(default=False, db_default=False)  # the carrier is known to bring texts to us
    created_at = fields.DatetimeField(auto_now_add=True)
    disconnected_at = fields.DatetimeField(null=True)  # by a disconnect, not by connecting anew

    class Meta:
        table = "connection"
        indexes = (Index(fields=("integration_id",)), Index(fields=("account_sid", "sender")))


class SmsPrice(OfOrganization):
    """What a segment to one country costs the account that SMS is connected with; a row per country in use.

    `connection_id` is the connection that was asked: what another one was told says nothing. No price is
    known while `price` is NULL. `fetch_due_at` is NULL while there is nobody to ask.
    """

    country = fields.CharField(max_length=2)
    connection_id = fields.BigIntField(null=True)
    price = fields.DecimalField(max_digits=20, decimal_places=10, null=True)
    currency = fields.CharField(max_length=3, null=True)
    fetched_at = fields.DatetimeField(null=True)
    fetch_due_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sms_price"
        unique_together = (("organization_id", "country"),)
        indexes = (Index(fields=("fetch_due_at",)),)


class CollectionCycle(OfOrganization):
    name = fields.CharField(max_length=200)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "collection_cycle"
        indexes = (Index(fields=("organization_id", "id")),)


class StepTexts(OfOrganization):
    """The texts of one version of a step; never changed, so that case steps can share them by reference."""

    sms = fields.JSONField[dict[str, str]]()  # language -> text

    class Meta:
        table = "step_texts"


class CollectionStep(OfOrganization):
    cycle: ForeignKeyRelation[CollectionCycle] = fields.ForeignKeyField(
        "dunlin.CollectionCycle", on_delete=OnDelete.RESTRICT
    )
    cycle_id: int
    position = fields.IntField()
    name = fields.CharField(max_length=200)
    trigger_days = fields.IntField()
    communication_method = fields.CharEnumField(CommunicationMethod, max_length=_NAME)
    texts: ForeignKeyRelation[StepTexts] = fields.ForeignKeyField("dunlin.StepTexts", on_delete=OnDelete.RESTRICT)
    texts_id: int
    version = fields.IntField(default=1)

    class Meta:
        table = "collection_step"
        unique_together = (("cycle_id", "position"),)
        indexes = (Index(fields=("organization_id",)),)


class Customer(OfOrganization):
    """The debtor. `phone_problem` is what a carrier says of `phone`, until it is corrected.

    `sms_opted_out_at` follows the opt-outs of the number, see `SmsOptOut`.
    """

    external_reference = fields.CharField(max_length=200)
    name = fields.CharField(max_length=200)
    language = fields.CharField(max_length=16, null=True)
    phone = fields.CharField(max_length=16, null=True)
    email = fields.CharField(max_length=320, null=True)
    time_zone = fields.CharField(max_length=64, null=True)  # as given; without it the number tells where they may be
    phone_problem = fields.CharEnumField(PhoneProblemKind, max_length=_NAME, null=True)
    phone_problem_reason = fields.CharField(max_length=1_000, null=True)
    phone_problem_at = fields.DatetimeField(null=True)
    sms_opted_out_at = fields.DatetimeField(null=True)
    deceased_at = fields.DatetimeField(null=True)  # when we were told; nothing is ever sent from then on
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "customer"
        unique_together = (("organization_id", "external_reference"),)
        indexes = (Index(fields=("organization_id", "phone")),)


class ReturnReasonChoice(OfOrganization):
    """An organization's own reaction to a return reason, in place of the table's."""

    code = fields.CharField(max_length=4)
    reaction = fields.CharEnumField(ReturnReaction, max_length=_NAME)

    class Meta:
        table = "return_reason_choice"
        unique_together = (("organization_id", "code"),)


class CollectionCase(OfOrganization):
    """One customer's run through a cycle.

    `next_action_at` is the moment of the next pending step while the case is active, else NULL: what is due
    is found by this one column.
    """

    number = fields.CharField(max_length=32)
    external_reference = fields.CharField(max_length=200)
    customer: ForeignKeyRelation[Customer] = fields.ForeignKeyField("dunlin.Customer", on_delete=OnDelete.RESTRICT)
    customer_id: int
    cycle: ForeignKeyRelation[CollectionCycle] = fields.ForeignKeyField(
        "dunlin.CollectionCycle", on_delete=OnDelete.RESTRICT
    )
    cycle_id: int
    origin = fields.CharEnumField(CaseOrigin, max_length=_NAME)
    return_reason_code = fields.CharField(max_length=8, null=True)
    reaction = fields.CharEnumField(ReturnReaction, max_length=_NAME, db_default=ReturnReaction.REMIND.value)
    state = fields.CharEnumField(CaseState, max_length=_NAME, default=CaseState.ACTIVE)
    closed_reason = fields.CharEnumField(CaseClosedReason, max_length=_NAME, null=True)
    amount_due = fields.DecimalField(max_digits=18, decimal_places=4)  # what is open now
    overpaid = fields.DecimalField(max_digits=18, decimal_places=4, default=Decimal(0), db_default=Decimal(0))
    currency = fields.CharField(max_length=3)
    due_on = fields.DateField()
    payment_link = fields.CharField(max_length=200, null=True)
    opened_at = fields.DatetimeField()
    next_action_at = fields.DatetimeField(null=True)
    attention_reason = fields.CharField(max_length=1_000, null=True)
    paused_at = fields.DatetimeField(null=True)
    paused_until = fields.DateField(null=True)  # resumes by itself on this day of the organization's calendar
    pause_reason = fields.CharField(max_length=1_000, null=True)
    closed_at = fields.DatetimeField(null=True)
    closed_note = fields.CharField(max_length=500, null=True)  # what a person said who closed it

    class Meta:
        table = "collection_case"
        unique_together = (("organization_id", "external_reference"), ("organization_id", "number"))
        indexes = (
            Index(fields=("organization_id", "id")),
            Index(fields=("customer_id",)),
            PartialIndex(fields=("next_action_at",), condition={"state": "ACTIVE"}, name="case_due"),
            PartialIndex(fields=("paused_until",), condition={"state": "PAUSED"}, name="case_paused"),
        )


class Payment(OfOrganization):
    """Money that came in for a case, in the case's currency. Never changed."""

    case: ForeignKeyRelation[CollectionCase] = fields.ForeignKeyField(
        "dunlin.CollectionCase", on_delete=OnDelete.RESTRICT
    )
    case_id: int
    amount = fields.DecimalField(max_digits=18, decimal_places=4)
    currency = fields.CharField(max_length=3)
    paid_at = fields.DatetimeField()
    reference = fields.CharField(max_length=200, null=True)
    recorded_at = fields.DatetimeField()

    class Meta:
        table = "payment"
        indexes = (Index(fields=("case_id", "id")), Index(fields=("organization_id", "id")))


class IdempotencyKey(OfOrganization):
    """A request that was done, by the key that its client gave it. `answer` refers to what it was answered with."""

    account: ForeignKeyRelation[Account] = fields.ForeignKeyField("dunlin.Account", on_delete=OnDelete.RESTRICT)
    account_id: int
    key = fields.CharField(max_length=200)
    fingerprint = fields.CharField(max_length=64)
    answer = fields.JSONField[dict[str, object]]()
    created_at = fields.DatetimeField()

    class Meta:
        table = "idempotency_key"
        unique_together = (("account_id", "key"),)
        indexes = (Index(fields=("created_at",)),)


class CaseStep(OfOrganization):
    """The case's own copy of a step, taken when the case opened."""

    case: ForeignKeyRelation[CollectionCase] = fields.ForeignKeyField(
        "dunlin.CollectionCase", on_delete=OnDelete.RESTRICT
    )
    case_id: int
    step: ForeignKeyRelation[CollectionStep] | None = fields.ForeignKeyField(
        "dunlin.CollectionStep", on_delete=OnDelete.SET_NULL, null=True
    )
    step_id: int | None
    position = fields.IntField()
    name = fields.CharField(max_length=200)
    trigger_days = fields.IntField()
    communication_method = fields.CharEnumField(CommunicationMethod, max_length=_NAME)
    texts: ForeignKeyRelation[StepTexts] = fields.ForeignKeyField("dunlin.StepTexts", on_delete=OnDelete.RESTRICT)
    texts_id: int
    due_at = fields.DatetimeField()
    state = fields.CharEnumField(CaseStepState, max_length=_NAME, default=CaseStepState.PENDING)
    skipped_reason = fields.CharField(max_length=1_000, null=True)
    trace = fields.JSONField[list[list[Any]]](null=True)  # see rules.trace

    class Meta:
        table = "case_step"
        unique_together = (("case_id", "position"),)
        indexes = (
            PartialIndex(
                fields=("organization_id", "communication_method", "case_id"),
                condition={"state": "PENDING"},
                name="case_step_pending",
            ),
            PartialIndex(
                fields=("organization_id", "due_at", "id"), condition={"state": "PENDING"}, name="case_step_ahead"
            ),
            Index(fields=("step_id",)),
        )


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
    method = fields.CharEnumField(CommunicationMethod, max_length=_NAME)
    to = fields.CharField(max_length=320)
    text = fields.TextField()
    language = fields.CharField(max_length=16)
    is_fallback_language = fields.BooleanField(default=False, db_default=False)  # the customer's has no text
    encoding = fields.CharEnumField(SmsEncoding, max_length=_NAME)
    segments = fields.IntField()
    estimated_cost = fields.DecimalField(max_digits=20, decimal_places=10, null=True)
    estimated_cost_currency = fields.CharField(max_length=3, null=True)
    status = fields.CharEnumField(ReminderStatus, max_length=_NAME, default=ReminderStatus.SCHEDULED)
    status_reason = fields.CharField(max_length=1_000, null=True)
    error_code = fields.IntField(null=True)
    fault = fields.CharEnumField(Fault, max_length=_NAME, null=True)  # what the error code is about
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

    class Meta:
        table = "reminder"
        unique_together = (("case_step_id", "resend_number"),)
        indexes = (
            Index(fields=("organization_id", "id")),
            Index(fields=("case_id",)),
            PartialIndex(
                fields=("integration_id", "scheduled_for", "id"),
                condition={"status": "SCHEDULED"},
                name="reminder_due",
            ),
            PartialIndex(fields=("lease_until",), condition={"status": "SENDING"}, name="reminder_sending"),
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
    outcome = fields.CharField(max_length=_NAME, default="Open")  # then the answer's class
    provider_message_id = fields.CharField(max_length=64, null=True)

    class Meta:
        table = "send_attempt"
        indexes = (
            Index(fields=("reminder_id",)),
            Index(fields=("connection_id",)),
            PartialIndex(fields=("connection_id",), condition={"outcome": "Open"}, name="send_attempt_open"),
        )


class SmsOptOut(OfOrganization):
    """One refusal of SMS by whoever has a number, and how it ended. At most one of a number is in force.

    `Customer.sms_opted_out_at` repeats what is in force, so that planning and sending need look no further. The words
    are those of a text, or what a person put down as proof; `by` names who put it down.
    """

    phone = fields.CharField(max_length=64)  # as it stands in texts that come in
    opted_out_at = fields.DatetimeField()
    source = fields.CharEnumField(OptOutSource, max_length=_NAME)
    words = fields.TextField(null=True)
    by = fields.CharField(max_length=200, null=True)
    lifted_at = fields.DatetimeField(null=True)
    lifted_source = fields.CharEnumField(OptOutSource, max_length=_NAME, null=True)
    lifted_words = fields.TextField(null=True)
    lifted_by = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "sms_opt_out"
        indexes = (Index(fields=("organization_id", "phone")),)


class InboundText(OfOrganization):
    """One text that somebody sent to an organization's sender. Kept once, however often it is reported."""

    provider_message_id = fields.CharField(max_length=64)
    sender = fields.CharField(max_length=64)  # mostly in E.164; short codes and names write, too
    recipient = fields.CharField(max_length=64)
    text = fields.TextField()
    kind = fields.CharEnumField(InboundTextKind, max_length=_NAME)
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
        indexes = (Index(fields=("organization_id", "id")), Index(fields=("case_id",)))


class DeliveryEvent(OfOrganization):
    """One change of a reminder's status. `sequence` has no gaps within its organization and follows commits."""

    sequence = fields.BigIntField()
    reminder: ForeignKeyRelation[Reminder] = fields.ForeignKeyField("dunlin.Reminder", on_delete=OnDelete.RESTRICT)
    reminder_id: int
    case_id = fields.BigIntField()
    status = fields.CharEnumField(ReminderStatus, max_length=_NAME)
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
