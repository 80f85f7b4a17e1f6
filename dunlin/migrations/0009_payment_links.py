from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0008_steps_ahead')]

    initial = False

    operations = [
        ops.AddField(
            model_name='CollectionCase',
            name='payment_link',
            field=fields.CharField(null=True, max_length=200),
        ),
        ops.AddField(
            model_name='Reminder',
            name='is_fallback_language',
            field=fields.BooleanField(default=False, db_default=False),
        ),
    ]
