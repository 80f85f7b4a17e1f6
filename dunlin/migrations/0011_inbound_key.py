from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.db_defaults import SqlDefault
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0010_numbers_and_answers')]

    initial = False

    operations = [
        ops.AlterField(
            model_name='Integration',
            name='inbound_key',
            field=fields.UUIDField(unique=True, db_default=SqlDefault('gen_random_uuid()')),
        ),
    ]
