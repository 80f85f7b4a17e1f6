from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0005_return_reasons')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Customer',
            name='time_zone',
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name='Organization',
            name='maximum_per_week',
            field=fields.IntField(default=3, db_default=3),
        ),
        ops.AddField(
            model_name='Organization',
            name='minimum_gap_hours',
            field=fields.IntField(default=24, db_default=24),
        ),
        ops.AddField(
            model_name='Organization',
            name='skip_holidays',
            field=fields.BooleanField(default=True, db_default=True),
        ),
        ops.AddField(
            model_name='Reminder',
            name='handed_over_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
