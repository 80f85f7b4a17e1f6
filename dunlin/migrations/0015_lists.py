from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0014_received_reports')]

    initial = False

    operations = [
        ops.RemoveIndex(
            model_name='CollectionCase',
            name=None,
            fields=['customer_id'],
        ),
        ops.AddIndex(
            model_name='CollectionCase',
            index=Index(fields=['organization_id', 'state', 'id']),
        ),
        ops.AddIndex(
            model_name='CollectionCase',
            index=Index(fields=['cycle_id', 'id']),
        ),
        ops.AddIndex(
            model_name='CollectionCase',
            index=Index(fields=['customer_id', 'id']),
        ),
        ops.RemoveIndex(
            model_name='InboundText',
            name=None,
            fields=['case_id'],
        ),
        ops.AddIndex(
            model_name='InboundText',
            index=Index(fields=['organization_id', 'kind', 'id']),
        ),
        ops.AddIndex(
            model_name='InboundText',
            index=Index(fields=['case_id', 'id']),
        ),
        ops.AddIndex(
            model_name='Organization',
            index=Index(fields=['account_id', 'id']),
        ),
        ops.RemoveIndex(
            model_name='Reminder',
            name=None,
            fields=['case_id'],
        ),
        ops.AddIndex(
            model_name='Reminder',
            index=Index(fields=['organization_id', 'status', 'id']),
        ),
        ops.AddIndex(
            model_name='Reminder',
            index=Index(fields=['case_id', 'id']),
        ),
        ops.RemoveIndex(
            model_name='SmsOptOut',
            name=None,
            fields=['organization_id', 'phone'],
        ),
        ops.AddIndex(
            model_name='SmsOptOut',
            index=Index(fields=['organization_id', 'phone', 'id']),
        ),
        # Lists by whether a person must look are read in their order, too. Tortoise has no indexes of such expressions.
        ops.RunSQL(
            "CREATE INDEX case_by_attention ON collection_case (organization_id, (attention_reason IS NOT NULL), id)",
            "DROP INDEX case_by_attention",
        ),
        ops.RunSQL(
            "CREATE INDEX inbound_text_by_reading ON inbound_text (organization_id, (read_at IS NULL), id)",
            "DROP INDEX inbound_text_by_reading",
        ),
    ]
