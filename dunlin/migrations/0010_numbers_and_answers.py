from tortoise import migrations
from tortoise.migrations import operations as ops
from dunlin.domain.carrier import Fault
from dunlin.domain.choices import InboundTextKind, OptOutSource, PhoneProblemKind
from tortoise.fields.base import OnDelete
from tortoise.fields.db_defaults import SqlDefault
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0009_payment_links')]

    initial = False

    operations = [
        ops.CreateModel(
            name='InboundText',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('provider_message_id', fields.CharField(max_length=64)),
                ('sender', fields.CharField(max_length=64)),
                ('recipient', fields.CharField(max_length=64)),
                ('text', fields.TextField(unique=False)),
                ('kind', fields.CharEnumField(description='STOP: STOP\nSTART: START\nHELP: HELP\nOTHER: OTHER', enum_type=InboundTextKind, max_length=32)),
                ('case', fields.ForeignKeyField('dunlin.CollectionCase', source_field='case_id', null=True, db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('received_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('read_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('read_by', fields.CharField(null=True, max_length=200)),
            ],
            options={'table': 'inbound_text', 'app': 'dunlin', 'unique_together': (('organization_id', 'provider_message_id'),), 'indexes': [Index(fields=['organization_id', 'id']), Index(fields=['case_id'])], 'pk_attr': 'id', 'table_description': "One text that somebody sent to an organization's sender. Kept once, however often it is reported."},
            bases=['OfOrganization'],
        ),
        ops.CreateModel(
            name='SmsOptOut',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('phone', fields.CharField(max_length=64)),
                ('opted_out_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('source', fields.CharEnumField(description='SMS: SMS\nCARRIER: CARRIER\nPHONE_CALL: PHONE_CALL\nEMAIL: EMAIL\nLETTER: LETTER\nIN_PERSON: IN_PERSON\nWEB: WEB\nOTHER: OTHER', enum_type=OptOutSource, max_length=32)),
                ('words', fields.TextField(null=True, unique=False)),
                ('by', fields.CharField(null=True, max_length=200)),
                ('lifted_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('lifted_source', fields.CharEnumField(null=True, description='SMS: SMS\nCARRIER: CARRIER\nPHONE_CALL: PHONE_CALL\nEMAIL: EMAIL\nLETTER: LETTER\nIN_PERSON: IN_PERSON\nWEB: WEB\nOTHER: OTHER', enum_type=OptOutSource, max_length=32)),
                ('lifted_words', fields.TextField(null=True, unique=False)),
                ('lifted_by', fields.CharField(null=True, max_length=200)),
            ],
            options={'table': 'sms_opt_out', 'app': 'dunlin', 'indexes': [Index(fields=['organization_id', 'phone'])], 'pk_attr': 'id', 'table_description': 'One refusal of SMS by whoever has a number, and how it ended. At most one of a number is in force.'},
            bases=['OfOrganization'],
        ),
        ops.AlterModelOptions(
            name='Connection',
            options={'table': 'connection', 'app': 'dunlin', 'indexes': [Index(fields=['integration_id']), Index(fields=['account_sid', 'sender'])], 'pk_attr': 'id', 'table_description': 'One act of connecting: account, sender and sealed keys. Those of before its column lack `account_sid`.'},
        ),
        ops.AddField(
            model_name='Connection',
            name='account_sid',
            field=fields.CharField(null=True, max_length=64),
        ),
        ops.AddField(
            model_name='Connection',
            name='inbound_is_set',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.AddIndex(
            model_name='Connection',
            index=Index(fields=['account_sid', 'sender']),
        ),
        ops.AlterModelOptions(
            name='Customer',
            options={'table': 'customer', 'app': 'dunlin', 'unique_together': (('organization_id', 'external_reference'),), 'indexes': [Index(fields=['organization_id', 'phone'])], 'pk_attr': 'id', 'table_description': 'The debtor. `phone_problem` is what a carrier says of `phone`, until it is corrected.'},
        ),
        ops.AddField(
            model_name='Customer',
            name='phone_problem',
            field=fields.CharEnumField(null=True, description='INVALID: INVALID\nLANDLINE: LANDLINE\nUNREACHABLE: UNREACHABLE', enum_type=PhoneProblemKind, max_length=32),
        ),
        ops.AddField(
            model_name='Customer',
            name='phone_problem_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Customer',
            name='phone_problem_reason',
            field=fields.CharField(null=True, max_length=1000),
        ),
        ops.AddIndex(
            model_name='Customer',
            index=Index(fields=['organization_id', 'phone']),
        ),
        ops.AddField(
            model_name='Integration',
            name='held_reason',
            field=fields.CharField(null=True, max_length=1000),
        ),
        ops.AddField(
            model_name='Integration',
            name='held_until',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Integration',
            name='inbound_key',
            field=fields.UUIDField(db_default=SqlDefault('gen_random_uuid()')),
        ),
        ops.AddField(
            model_name='Reminder',
            name='fault',
            field=fields.CharEnumField(null=True, description='INVALID_NUMBER: INVALID_NUMBER\nLANDLINE: LANDLINE\nUNREACHABLE: UNREACHABLE\nRECIPIENT: RECIPIENT\nOPTED_OUT: OPTED_OUT\nCONTENT: CONTENT\nCOUNTRY: COUNTRY\nSENDER: SENDER\nCREDENTIALS: CREDENTIALS\nLIMIT: LIMIT\nTEMPORARY: TEMPORARY\nDISPUTABLE: DISPUTABLE\nOURS: OURS\nUNLISTED: UNLISTED\nOTHER: OTHER', enum_type=Fault, max_length=32),
        ),
        ops.AddField(
            model_name='Reminder',
            name='is_retry',
            field=fields.BooleanField(default=False, db_default=False),
        ),
        # Refusals that are known already came from the carrier; they count for everybody with the number now.
        ops.RunSQL(
            "INSERT INTO sms_opt_out (organization_id, phone, opted_out_at, source)"
            " SELECT organization_id, phone, min(sms_opted_out_at), 'CARRIER' FROM customer"
            " WHERE sms_opted_out_at IS NOT NULL AND phone IS NOT NULL GROUP BY organization_id, phone",
            "DELETE FROM sms_opt_out",
        ),
        ops.RunSQL(
            "UPDATE customer SET sms_opted_out_at = o.opted_out_at FROM sms_opt_out o"
            " WHERE o.organization_id = customer.organization_id AND o.phone = customer.phone",
            "SELECT 1",
        ),
    ]
