from tortoise import migrations
from tortoise.migrations import operations as ops
from dunlin.domain.choices import ActorKind, AuditAction
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0001_initial')]

    initial = False

    operations = [
        ops.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('account', fields.ForeignKeyField('dunlin.Account', source_field='account_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', null=True, db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('occurred_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('actor_kind', fields.CharEnumField(description='TOKEN: TOKEN\nUSER: USER\nCOMMAND_LINE: COMMAND_LINE', enum_type=ActorKind, max_length=32)),
                ('actor_id', fields.CharField(max_length=255)),
                ('actor_name', fields.CharField(max_length=200)),
                ('address', fields.CharField(null=True, max_length=255)),
                ('action', fields.CharEnumField(description='What was done.', enum_type=AuditAction, max_length=32)),
                ('subject', fields.CharField(max_length=64)),
                ('changes', fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={'table': 'audit_entry', 'app': 'dunlin', 'indexes': [Index(fields=['account_id', 'id']), Index(fields=['organization_id', 'id'])], 'pk_attr': 'id', 'table_description': 'One thing that somebody did. Never changed; without `organization` it concerns the account itself.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Organization',
            name='closed_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AlterModelOptions(
            name='Token',
            options={'table': 'token', 'app': 'dunlin', 'indexes': [Index(fields=['account_id', 'id'])], 'pk_attr': 'id', 'table_description': 'An API token. Only its keyed hash is stored; without `organization_ids` it opens the whole account.'},
        ),
        ops.AddField(
            model_name='Token',
            name='organization_ids',
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.RunSQL(
            "UPDATE token SET organization_ids = jsonb_build_array(organization_id) WHERE organization_id IS NOT NULL",
            "UPDATE token SET organization_id = (organization_ids->>0)::bigint WHERE organization_ids IS NOT NULL",
        ),
        ops.RemoveField(model_name='Token', name='organization'),
    ]
