from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0013_spending')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ReceivedReport',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('attempt_id', fields.BigIntField()),
                ('provider_message_id', fields.CharField(max_length=64)),
                ('state', fields.CharField(max_length=32)),
                ('error_code', fields.IntField(default=0, db_default=0)),
                ('received_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'received_report', 'app': 'dunlin', 'unique_together': (('attempt_id', 'provider_message_id', 'state', 'error_code'),), 'indexes': [Index(fields=['received_at'])], 'pk_attr': 'id', 'table_description': 'A status report of a carrier, in its own words: the inbox that makes repeats harmless. Emptied after a week.'},
            bases=['OfOrganization'],
        ),
    ]
