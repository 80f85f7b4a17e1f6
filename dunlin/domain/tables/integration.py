"""What an organization sends with: its cards, its connections and their prices."""

from tortoise import fields
from tortoise.fields import ForeignKeyRelation, OnDelete
from tortoise.fields.db_defaults import SqlDefault
from tortoise.indexes import Index

from dunlin.domain.carrier import SenderKind
from dunlin.domain.choices import IntegrationKind, IntegrationProvider, IntegrationStatus
from dunlin.domain.tables.account import LONGEST_CHOICE, OfOrganization


class Integration(OfOrganization):
    """One card of an organization's Integrations page. Locked by whoever hands over and by whoever disconnects.

    Nothing goes out before `held_until`: a limit at the carrier is used up, which is no fault of anybody's.
    """

    kind = fields.CharEnumField(IntegrationKind, max_length=LONGEST_CHOICE)
    status = fields.CharEnumField(IntegrationStatus, max_length=LONGEST_CHOICE, default=IntegrationStatus.DISCONNECTED)
    connection_id = fields.BigIntField(null=True)  # no foreign key: that table's points here already
    connected_at = fields.DatetimeField(null=True)
    disconnected_at = fields.DatetimeField(null=True)
    attention_reason = fields.CharField(max_length=1_000, null=True)
    inbound_key = fields.UUIDField(
        unique=True, db_default=SqlDefault("gen_random_uuid()")
    )  # stands in an address; never changes
    held_until = fields.DatetimeField(null=True)
    held_reason = fields.CharField(max_length=1_000, null=True)
    # What may be spent on its messages a month; None: as much as it takes. Here, because handing over holds this row.
    spending_limit = fields.DecimalField(max_digits=20, decimal_places=4, null=True)
    spending_limit_currency = fields.CharField(max_length=3, null=True)

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
    provider = fields.CharEnumField(IntegrationProvider, max_length=LONGEST_CHOICE)
    account_sid = fields.CharField(max_length=320, null=True)
    sender_kind = fields.CharEnumField(SenderKind, max_length=LONGEST_CHOICE)
    sender = fields.CharField(max_length=320)
    reply_to = fields.CharField(max_length=320, null=True)  # of e-mail
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
