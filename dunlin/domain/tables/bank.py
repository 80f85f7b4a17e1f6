"""What banks tell of returned direct debits: whose files are taken, what became of them, and what was taken."""

from tortoise import fields
from tortoise.fields import ForeignKeyRelation, OnDelete
from tortoise.indexes import Index

from dunlin.domain.choices import DateBasis, ReturnOutcome
from dunlin.domain.tables.account import LONGEST_CHOICE, OfOrganization
from dunlin.domain.tables.case import CollectionCase
from dunlin.domain.tables.cycle import CollectionCycle


class CreditorAccount(OfOrganization):
    """An IBAN or creditor identifier of the organization: only files about these are taken. See rules.creditor."""

    account = fields.CharField(max_length=70)  # as given
    key = fields.CharField(max_length=35)

    class Meta:
        table = "creditor_account"
        unique_together = (("organization_id", "key"),)


class BankImport(OfOrganization):
    """A file that was imported, and how many of its transactions became what. Without `completed_at` it goes on, or
    was interrupted; the same file again takes what is left."""

    cycle: ForeignKeyRelation[CollectionCycle] = fields.ForeignKeyField(
        "dunlin.CollectionCycle", on_delete=OnDelete.RESTRICT
    )
    cycle_id: int
    format = fields.CharField(max_length=32)
    message_id = fields.CharField(max_length=35)
    digest = fields.CharField(max_length=64)
    file_name = fields.CharField(max_length=200, null=True)
    imported_by = fields.CharField(max_length=200)
    started_at = fields.DatetimeField()
    completed_at = fields.DatetimeField(null=True)
    opened = fields.IntField(default=0)
    updated = fields.IntField(default=0)
    known = fields.IntField(default=0)
    unused = fields.IntField(default=0)

    class Meta:
        table = "bank_import"
        indexes = (Index(fields=("organization_id", "id")),)


class BankImportLine(OfOrganization):
    """What became of one transaction of a file. `reason` says why it opened or updated no case."""

    bank_import: ForeignKeyRelation[BankImport] = fields.ForeignKeyField(
        "dunlin.BankImport", on_delete=OnDelete.RESTRICT
    )
    bank_import_id: int
    number = fields.IntField()
    line = fields.IntField()
    outcome = fields.CharEnumField(ReturnOutcome, max_length=LONGEST_CHOICE)
    reason = fields.CharField(max_length=1_000, null=True)
    end_to_end_id = fields.CharField(max_length=35, null=True)
    transaction_id = fields.CharField(max_length=35, null=True)
    mandate_reference = fields.CharField(max_length=35, null=True)
    return_reason_code = fields.CharField(max_length=8, null=True)
    amount = fields.DecimalField(max_digits=18, decimal_places=4, null=True)
    currency = fields.CharField(max_length=3, null=True)
    dated_on = fields.DateField(null=True)
    case: ForeignKeyRelation[CollectionCase] | None = fields.ForeignKeyField(
        "dunlin.CollectionCase", on_delete=OnDelete.RESTRICT, null=True
    )
    case_id: int | None

    class Meta:
        table = "bank_import_line"
        unique_together = (("bank_import_id", "number"),)
        indexes = (Index(fields=("bank_import_id", "id")), Index(fields=("bank_import_id", "outcome", "id")))


class ReturnedDebit(OfOrganization):
    """A return that was taken: once, whatever files tell of it. Which tellings are the same says rules.bank_return."""

    bank_import: ForeignKeyRelation[BankImport] = fields.ForeignKeyField(
        "dunlin.BankImport", on_delete=OnDelete.RESTRICT
    )
    bank_import_id: int
    reference = fields.CharField(max_length=35)
    mandate = fields.CharField(max_length=105)  # folded; empty where it was not told
    amount = fields.DecimalField(max_digits=18, decimal_places=4)
    currency = fields.CharField(max_length=3)
    dated_on = fields.DateField()
    basis = fields.CharEnumField(DateBasis, max_length=LONGEST_CHOICE)
    case: ForeignKeyRelation[CollectionCase] = fields.ForeignKeyField(
        "dunlin.CollectionCase", on_delete=OnDelete.RESTRICT
    )
    case_id: int

    class Meta:
        table = "returned_debit"
        unique_together = (("organization_id", "reference", "mandate", "amount", "currency", "basis", "dated_on"),)
        indexes = (Index(fields=("organization_id", "mandate")), Index(fields=("case_id",)))
