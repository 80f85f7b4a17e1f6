from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import UniqueConstraint

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0016_audit_by_action')]

    initial = False

    operations = [
        ops.CreateModel(
            name='Mandate',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('reference', fields.CharField(max_length=35)),
                ('folded', fields.CharField(max_length=105)),
                ('customer', fields.ForeignKeyField('dunlin.Customer', source_field='customer_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('registered_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'mandate', 'app': 'dunlin', 'unique_together': (('organization_id', 'folded'),), 'indexes': [Index(fields=['customer_id', 'id'])], 'pk_attr': 'id', 'table_description': "What allows an organization to debit a customer's account, by its unique reference. It stays that customer's."},
            bases=['OfOrganization'],
        ),
        ops.AddField(
            model_name='CollectionCase',
            name='end_to_end_id',
            field=fields.CharField(null=True, max_length=35),
        ),
        ops.AddConstraint(
            model_name='CollectionCase',
            constraint=UniqueConstraint(fields=('organization_id', 'end_to_end_id'), name=None),
        ),
    ]
