from tortoise import migrations
from tortoise.migrations import operations as ops
from decimal import Decimal
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0003_pause_and_close')]

    initial = False

    operations = [
        ops.CreateModel(
            name='IdempotencyKey',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('account', fields.ForeignKeyField('dunlin.Account', source_field='account_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('key', fields.CharField(max_length=200)),
                ('fingerprint', fields.CharField(max_length=64)),
                ('answer', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'idempotency_key', 'app': 'dunlin', 'unique_together': (('account_id', 'key'),), 'indexes': [Index(fields=['created_at'])], 'pk_attr': 'id', 'table_description': 'A request that was done, by the key that its client gave it. `answer` refers to what it was answered with.'},
            bases=['OfOrganization'],
        ),
        ops.CreateModel(
            name='Payment',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('case', fields.ForeignKeyField('dunlin.CollectionCase', source_field='case_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('amount', fields.DecimalField(max_digits=18, decimal_places=4)),
                ('currency', fields.CharField(max_length=3)),
                ('paid_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('reference', fields.CharField(null=True, max_length=200)),
                ('recorded_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'payment', 'app': 'dunlin', 'indexes': [Index(fields=['case_id', 'id']), Index(fields=['organization_id', 'id'])], 'pk_attr': 'id', 'table_description': "Money that came in for a case, in the case's currency. Never changed."},
            bases=['OfOrganization'],
        ),
        ops.AddField(
            model_name='CollectionCase',
            name='overpaid',
            field=fields.DecimalField(default=Decimal('0'), db_default=Decimal('0'), max_digits=18, decimal_places=4),
        ),
    ]
