from tortoise import migrations
from tortoise.migrations import operations as ops
from dunlin.domain.choices import DateBasis, ReturnOutcome
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0017_mandates')]

    initial = False

    operations = [
        ops.CreateModel(
            name='BankImport',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('cycle', fields.ForeignKeyField('dunlin.CollectionCycle', source_field='cycle_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('format', fields.CharField(max_length=32)),
                ('message_id', fields.CharField(max_length=35)),
                ('digest', fields.CharField(max_length=64)),
                ('file_name', fields.CharField(null=True, max_length=200)),
                ('imported_by', fields.CharField(max_length=200)),
                ('started_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('completed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('opened', fields.IntField(default=0)),
                ('updated', fields.IntField(default=0)),
                ('known', fields.IntField(default=0)),
                ('unused', fields.IntField(default=0)),
            ],
            options={'table': 'bank_import', 'app': 'dunlin', 'indexes': [Index(fields=['organization_id', 'id'])], 'pk_attr': 'id', 'table_description': 'A file that was imported, and how many of its transactions became what. Without `completed_at` it goes on, or'},
            bases=['OfOrganization'],
        ),
        ops.CreateModel(
            name='BankImportLine',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('bank_import', fields.ForeignKeyField('dunlin.BankImport', source_field='bank_import_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('number', fields.IntField()),
                ('line', fields.IntField()),
                ('outcome', fields.CharEnumField(description='OPENED: OPENED\nUPDATED: UPDATED\nALREADY_KNOWN: ALREADY_KNOWN\nNOT_USED: NOT_USED', enum_type=ReturnOutcome, max_length=32)),
                ('reason', fields.CharField(null=True, max_length=1000)),
                ('end_to_end_id', fields.CharField(null=True, max_length=35)),
                ('transaction_id', fields.CharField(null=True, max_length=35)),
                ('mandate_reference', fields.CharField(null=True, max_length=35)),
                ('return_reason_code', fields.CharField(null=True, max_length=8)),
                ('amount', fields.DecimalField(null=True, max_digits=18, decimal_places=4)),
                ('currency', fields.CharField(null=True, max_length=3)),
                ('dated_on', fields.DateField(null=True)),
                ('case', fields.ForeignKeyField('dunlin.CollectionCase', source_field='case_id', null=True, db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
            ],
            options={'table': 'bank_import_line', 'app': 'dunlin', 'unique_together': (('bank_import_id', 'number'),), 'indexes': [Index(fields=['bank_import_id', 'id']), Index(fields=['bank_import_id', 'outcome', 'id'])], 'pk_attr': 'id', 'table_description': 'What became of one transaction of a file. `reason` says why it opened or updated no case.'},
            bases=['OfOrganization'],
        ),
        ops.CreateModel(
            name='CreditorAccount',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('account', fields.CharField(max_length=70)),
                ('key', fields.CharField(max_length=35)),
            ],
            options={'table': 'creditor_account', 'app': 'dunlin', 'unique_together': (('organization_id', 'key'),), 'pk_attr': 'id', 'table_description': 'An IBAN or creditor identifier of the organization: only files about these are taken. See rules.creditor.'},
            bases=['OfOrganization'],
        ),
        ops.CreateModel(
            name='ReturnedDebit',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('bank_import', fields.ForeignKeyField('dunlin.BankImport', source_field='bank_import_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('reference', fields.CharField(max_length=35)),
                ('mandate', fields.CharField(max_length=105)),
                ('amount', fields.DecimalField(max_digits=18, decimal_places=4)),
                ('currency', fields.CharField(max_length=3)),
                ('dated_on', fields.DateField()),
                ('basis', fields.CharEnumField(description='COLLECTED: COLLECTED\nBOOKED: BOOKED\nREPORTED: REPORTED', enum_type=DateBasis, max_length=32)),
                ('case', fields.ForeignKeyField('dunlin.CollectionCase', source_field='case_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
            ],
            options={'table': 'returned_debit', 'app': 'dunlin', 'unique_together': (('organization_id', 'reference', 'mandate', 'amount', 'currency', 'basis', 'dated_on'),), 'indexes': [Index(fields=['organization_id', 'mandate']), Index(fields=['case_id'])], 'pk_attr': 'id', 'table_description': 'A return that was taken: once, whatever files tell of it. Which tellings are the same says rules.bank_return.'},
            bases=['OfOrganization'],
        ),
    ]
