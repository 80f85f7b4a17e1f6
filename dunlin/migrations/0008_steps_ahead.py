from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.indexes import PartialIndex

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0007_decision_trace')]

    initial = False

    operations = [
        ops.AddIndex(
            model_name='CaseStep',
            index=PartialIndex(fields=['organization_id', 'due_at', 'id'], name='case_step_ahead', condition={'state': 'PENDING'}),
        ),
    ]
