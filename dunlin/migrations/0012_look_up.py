from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index, PartialIndex

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0011_inbound_key')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Reminder',
            name='absent_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Reminder',
            name='check_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Reminder',
            name='checks',
            field=fields.IntField(default=0, db_default=0),
        ),
        ops.AddIndex(
            model_name='Reminder',
            index=PartialIndex(fields=['check_at'], name='reminder_to_poll', condition={'status': 'SENT'}),
        ),
        ops.AddIndex(
            model_name='Reminder',
            index=PartialIndex(fields=['check_at'], name='reminder_to_look_up', condition={'status': 'UNCONFIRMED'}),
        ),
        ops.AddIndex(
            model_name='SendAttempt',
            index=Index(fields=['provider_message_id']),
        ),
        # What the carrier has been silent about since before is asked about, too.
        ops.RunSQL(
            "UPDATE reminder SET check_at = clock_timestamp() WHERE status IN ('SENT', 'UNCONFIRMED')"
            " AND created_at > clock_timestamp() - interval '72 hours'",
            "",
        ),
    ]
