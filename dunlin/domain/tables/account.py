"""Who uses the service: accounts, their tokens and organizations, and what was done."""

from tortoise import fields
from tortoise.fields import ForeignKeyRelation, OnDelete
from tortoise.indexes import Index
from tortoise.models import Model

from dunlin.domain.choices import ActorKind, AuditAction

LONGEST_CHOICE = 32  # a column's width: the longest member of any stored choice is shorter


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
        indexes = (Index(fields=("account_id", "id")),)


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
    actor_kind = fields.CharEnumField(ActorKind, max_length=LONGEST_CHOICE)
    actor_id = fields.CharField(max_length=255)
    actor_name = fields.CharField(max_length=200)
    address = fields.CharField(max_length=255, null=True)
    action = fields.CharEnumField(
        AuditAction, max_length=LONGEST_CHOICE, description="What was done."
    )  # grows: not listed
    subject = fields.CharField(max_length=64)
    changes = fields.JSONField[list[dict[str, str | None]]]()

    class Meta:
        table = "audit_entry"
        indexes = (
            Index(fields=("account_id", "id")),
            Index(fields=("account_id", "action", "id")),
            Index(fields=("organization_id", "id")),
        )


class OfOrganization(Model):
    """What every row of an organization's data begins with."""

    id = fields.BigIntField(primary_key=True)
    organization: ForeignKeyRelation[Organization] = fields.ForeignKeyField(
        "dunlin.Organization", on_delete=OnDelete.RESTRICT
    )
    organization_id: int

    class Meta:
        abstract = True


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
