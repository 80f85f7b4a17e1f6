from tortoise import migrations
from tortoise.migrations import operations as ops
from dunlin.domain.choices import Settlement
from tortoise.fields.base import OnDelete
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0012_look_up')]

    initial = False

    operations = [
        ops.CreateModel(
            name='MonthlySpending',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('month', fields.DateField()),
                ('currency', fields.CharField(max_length=3)),
                ('reserved', fields.DecimalField(max_digits=20, decimal_places=10)),
                ('spent', fields.DecimalField(max_digits=20, decimal_places=10)),
            ],
            options={'table': 'monthly_spending', 'app': 'dunlin', 'unique_together': (('organization_id', 'month', 'currency'),), 'pk_attr': 'id', 'table_description': 'What was spent in a month, and what is reserved for texts whose fate is not known: the sums of the attempts.'},
            bases=['OfOrganization'],
        ),
        ops.AddField(
            model_name='Integration',
            name='spending_limit',
            field=fields.DecimalField(null=True, max_digits=20, decimal_places=4),
        ),
        ops.AddField(
            model_name='Integration',
            name='spending_limit_currency',
            field=fields.CharField(null=True, max_length=3),
        ),
        ops.AddField(
            model_name='SendAttempt',
            name='cost',
            field=fields.DecimalField(null=True, max_digits=20, decimal_places=10),
        ),
        ops.AddField(
            model_name='SendAttempt',
            name='cost_currency',
            field=fields.CharField(null=True, max_length=3),
        ),
        ops.AddField(
            model_name='SendAttempt',
            name='settlement',
            field=fields.CharEnumField(null=True, description='RESERVED: RESERVED\nRELEASED: RELEASED\nSPENT: SPENT', enum_type=Settlement, max_length=32),
        ),
        ops.AddField(
            model_name='SendAttempt',
            name='spending_month',
            field=fields.DateField(null=True),
        ),
    ]
