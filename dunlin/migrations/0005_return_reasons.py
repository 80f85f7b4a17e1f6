from tortoise import migrations
from tortoise.migrations import operations as ops
from dunlin.domain.choices import ReturnReaction
from tortoise.fields.base import OnDelete
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0004_payments_and_idempotency')]

    initial = False

    operations = [
        ops.CreateModel(
            name='ReturnReasonChoice',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('code', fields.CharField(max_length=4)),
                ('reaction', fields.CharEnumField(description='REMIND: REMIND\nASK_FOR_MANDATE: ASK_FOR_MANDATE\nPERSON_FIRST: PERSON_FIRST\nNEVER: NEVER', enum_type=ReturnReaction, max_length=32)),
            ],
            options={'table': 'return_reason_choice', 'app': 'dunlin', 'unique_together': (('organization_id', 'code'),), 'pk_attr': 'id', 'table_description': "An organization's own reaction to a return reason, in place of the table's."},
            bases=['OfOrganization'],
        ),
        ops.AddField(
            model_name='CollectionCase',
            name='reaction',
            field=fields.CharEnumField(description='REMIND: REMIND\nASK_FOR_MANDATE: ASK_FOR_MANDATE\nPERSON_FIRST: PERSON_FIRST\nNEVER: NEVER', db_default='REMIND', enum_type=ReturnReaction, max_length=32),
        ),
        ops.AddField(
            model_name='Customer',
            name='deceased_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
