from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import PartialIndex

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0002_audit_and_organizations')]

    initial = False

    operations = [
        ops.AddField(
            model_name='CollectionCase',
            name='closed_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='CollectionCase',
            name='closed_note',
            field=fields.CharField(null=True, max_length=500),
        ),
        ops.AddField(
            model_name='CollectionCase',
            name='pause_reason',
            field=fields.CharField(null=True, max_length=1000),
        ),
        ops.AddField(
            model_name='CollectionCase',
            name='paused_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='CollectionCase',
            name='paused_until',
            field=fields.DateField(null=True),
        ),
        ops.AddIndex(
            model_name='CollectionCase',
            index=PartialIndex(fields=['paused_until'], name='case_paused', condition={'state': 'PAUSED'}),
        ),
    ]
