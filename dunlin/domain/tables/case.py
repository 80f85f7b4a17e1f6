"""Customers, and the cases that they go through."""

from decimal import Decimal
from typing import Any

from tortoise import fields
from tortoise.fields import ForeignKeyRelation, OnDelete
from tortoise.indexes import Index, PartialIndex

from dunlin.domain.choices import (
    CaseClosedReason,
    CaseOrigin,
    CaseState,
    CaseStepState,
    CommunicationMethod,
    EmailProblemKind,
    PhoneProblemKind,
    ReturnReaction,
)
from dunlin.domain.tables.account import LONGEST_CHOICE, OfOrganization
from dunlin.domain.tables.cycle import CollectionCycle, CollectionStep, StepTexts


class Customer(OfOrganization):
    """The debtor. `phone_problem` and `email_problem` are what a carrier says of the address, until it is corrected.

    `sms_opted_out_at` and `email_opted_out_at` follow the opt-outs of the address, see `SmsOptOut` and `EmailOptOut`.
    """

    external_reference = fields.CharField(max_length=200)
    name = fields.CharField(max_length=200)
    language = fields.CharField(max_length=16, null=True)
    phone = fields.CharField(max_length=16, null=True)
    email = fields.CharField(max_length=320, null=True)
    time_zone = fields.CharField(max_length=64, null=True)  # as given; without it the number tells where they may be
    phone_problem = fields.CharEnumField(PhoneProblemKind, max_length=LONGEST_CHOICE, null=True)
    phone_problem_reason = fields.CharField(max_length=1_000, null=True)
    phone_problem_at = fields.DatetimeField(null=True)
    sms_opted_out_at = fields.DatetimeField(null=True)
    email_problem = fields.CharEnumField(EmailProblemKind, max_length=LONGEST_CHOICE, null=True)
    email_problem_reason = fields.CharField(max_length=1_000, null=True)
    email_problem_at = fields.DatetimeField(null=True)
    email_opted_out_at = fields.DatetimeField(null=True)
    deceased_at = fields.DatetimeField(null=True)  # when we were told; nothing is ever sent from then on
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "customer"
        unique_together = (("organization_id", "external_reference"),)
        indexes = (Index(fields=("organization_id", "phone")), Index(fields=("organization_id", "email")))


class Mandate(OfOrganization):
    """What allows an organization to debit a customer's account, by its unique reference. It stays that customer's."""

    reference = fields.CharField(max_length=35)  # as given
    folded = fields.CharField(max_length=105)  # what it is found by: banks do not keep its capitals
    customer: ForeignKeyRelation[Customer] = fields.ForeignKeyField("dunlin.Customer", on_delete=OnDelete.RESTRICT)
    customer_id: int
    registered_at = fields.DatetimeField()

    class Meta:
        table = "mandate"
        unique_together = (("organization_id", "folded"),)
        indexes = (Index(fields=("customer_id", "id")),)


class ReturnReasonChoice(OfOrganization):
    """An organization's own reaction to a return reason, in place of the table's."""

    code = fields.CharField(max_length=4)
    reaction = fields.CharEnumField(ReturnReaction, max_length=LONGEST_CHOICE)

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
    end_to_end_id = fields.CharField(max_length=35, null=True)  # of the direct debit, by which banks name it
    customer: ForeignKeyRelation[Customer] = fields.ForeignKeyField("dunlin.Customer", on_delete=OnDelete.RESTRICT)
    customer_id: int
    cycle: ForeignKeyRelation[CollectionCycle] = fields.ForeignKeyField(
        "dunlin.CollectionCycle", on_delete=OnDelete.RESTRICT
    )
    cycle_id: int
    origin = fields.CharEnumField(CaseOrigin, max_length=LONGEST_CHOICE)
    return_reason_code = fields.CharField(max_length=8, null=True)
    reaction = fields.CharEnumField(ReturnReaction, max_length=LONGEST_CHOICE, db_default=ReturnReaction.REMIND.value)
    state = fields.CharEnumField(CaseState, max_length=LONGEST_CHOICE, default=CaseState.ACTIVE)
    closed_reason = fields.CharEnumField(CaseClosedReason, max_length=LONGEST_CHOICE, null=True)
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
        unique_together = (
            ("organization_id", "external_reference"),
            ("organization_id", "number"),
            ("organization_id", "end_to_end_id"),
        )
        indexes = (
            Index(fields=("organization_id", "id")),
            Index(fields=("organization_id", "state", "id")),
            Index(fields=("cycle_id", "id")),
            Index(fields=("customer_id", "id")),
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
    communication_method = fields.CharEnumField(CommunicationMethod, max_length=LONGEST_CHOICE)
    texts: ForeignKeyRelation[StepTexts] = fields.ForeignKeyField("dunlin.StepTexts", on_delete=OnDelete.RESTRICT)
    texts_id: int
    due_at = fields.DatetimeField()
    state = fields.CharEnumField(CaseStepState, max_length=LONGEST_CHOICE, default=CaseStepState.PENDING)
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
