from tortoise import migrations
from tortoise.migrations import operations as ops
from dunlin.domain.carrier import Fault, SenderKind
from dunlin.domain.choices import EmailProblemKind, IntegrationKind, IntegrationProvider, OptOutSource, SmsEncoding
from orjson import loads
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('dunlin', '0018_bank_imports')]

    initial = False

    operations = [
        ops.CreateModel(
            name='EmailOptOut',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('organization', fields.ForeignKeyField('dunlin.Organization', source_field='organization_id', db_constraint=True, to_field='id', on_delete=OnDelete.RESTRICT)),
                ('opted_out_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('source', fields.CharEnumField(description='SMS: SMS\nCARRIER: CARRIER\nPHONE_CALL: PHONE_CALL\nEMAIL: EMAIL\nLETTER: LETTER\nIN_PERSON: IN_PERSON\nWEB: WEB\nOTHER: OTHER', enum_type=OptOutSource, max_length=32)),
                ('words', fields.TextField(null=True, unique=False)),
                ('by', fields.CharField(null=True, max_length=200)),
                ('lifted_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('lifted_source', fields.CharEnumField(null=True, description='SMS: SMS\nCARRIER: CARRIER\nPHONE_CALL: PHONE_CALL\nEMAIL: EMAIL\nLETTER: LETTER\nIN_PERSON: IN_PERSON\nWEB: WEB\nOTHER: OTHER', enum_type=OptOutSource, max_length=32)),
                ('lifted_words', fields.TextField(null=True, unique=False)),
                ('lifted_by', fields.CharField(null=True, max_length=200)),
                ('email', fields.CharField(max_length=320)),
            ],
            options={'table': 'email_opt_out', 'app': 'dunlin', 'indexes': [Index(fields=['organization_id', 'email', 'id'])], 'pk_attr': 'id', 'table_description': 'A refusal of e-mail. `Customer.email_opted_out_at` repeats what is in force.'},
            bases=['_OptOut'],
        ),
        ops.AlterField(
            model_name='Connection',
            name='account_sid',
            field=fields.CharField(null=True, max_length=320),
        ),
        ops.AlterField(
            model_name='Connection',
            name='provider',
            field=fields.CharEnumField(description='TWILIO: TWILIO\nSMTP: SMTP\nSANDBOX: SANDBOX', enum_type=IntegrationProvider, max_length=32),
        ),
        ops.AlterField(
            model_name='Connection',
            name='sender',
            field=fields.CharField(max_length=320),
        ),
        ops.AlterField(
            model_name='Connection',
            name='sender_kind',
            field=fields.CharEnumField(description='PHONE_NUMBER: PHONE_NUMBER\nMESSAGING_SERVICE: MESSAGING_SERVICE\nALPHANUMERIC: ALPHANUMERIC\nEMAIL_ADDRESS: EMAIL_ADDRESS', enum_type=SenderKind, max_length=32),
        ),
        ops.AddField(
            model_name='Connection',
            name='reply_to',
            field=fields.CharField(null=True, max_length=320),
        ),
        ops.AlterModelOptions(
            name='Customer',
            options={'table': 'customer', 'app': 'dunlin', 'unique_together': (('organization_id', 'external_reference'),), 'indexes': [Index(fields=['organization_id', 'phone']), Index(fields=['organization_id', 'email'])], 'pk_attr': 'id', 'table_description': 'The debtor. `phone_problem` and `email_problem` are what a carrier says of the address, until it is corrected.'},
        ),
        ops.AddField(
            model_name='Customer',
            name='email_opted_out_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Customer',
            name='email_problem',
            field=fields.CharEnumField(null=True, description='INVALID: INVALID\nUNREACHABLE: UNREACHABLE', enum_type=EmailProblemKind, max_length=32),
        ),
        ops.AddField(
            model_name='Customer',
            name='email_problem_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Customer',
            name='email_problem_reason',
            field=fields.CharField(null=True, max_length=1000),
        ),
        ops.AddIndex(
            model_name='Customer',
            index=Index(fields=['organization_id', 'email']),
        ),
        ops.AlterField(
            model_name='Integration',
            name='kind',
            field=fields.CharEnumField(description='SMS: SMS\nEMAIL: EMAIL', enum_type=IntegrationKind, max_length=32),
        ),
        ops.AlterField(
            model_name='Reminder',
            name='encoding',
            field=fields.CharEnumField(null=True, description='GSM_7: GSM_7\nUCS_2: UCS_2', enum_type=SmsEncoding, max_length=32),
        ),
        ops.AlterField(
            model_name='Reminder',
            name='fault',
            field=fields.CharEnumField(null=True, description='INVALID_NUMBER: INVALID_NUMBER\nINVALID_ADDRESS: INVALID_ADDRESS\nLANDLINE: LANDLINE\nUNREACHABLE: UNREACHABLE\nRECIPIENT: RECIPIENT\nOPTED_OUT: OPTED_OUT\nCONTENT: CONTENT\nCOUNTRY: COUNTRY\nSENDER: SENDER\nCREDENTIALS: CREDENTIALS\nLIMIT: LIMIT\nTEMPORARY: TEMPORARY\nDISPUTABLE: DISPUTABLE\nOURS: OURS\nUNLISTED: UNLISTED\nOTHER: OTHER', enum_type=Fault, max_length=32),
        ),
        ops.AlterField(
            model_name='Reminder',
            name='segments',
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name='Reminder',
            name='subject',
            field=fields.CharField(null=True, max_length=500),
        ),
        ops.AlterModelOptions(
            name='SmsOptOut',
            options={'table': 'sms_opt_out', 'app': 'dunlin', 'indexes': [Index(fields=['organization_id', 'phone', 'id'])], 'pk_attr': 'id', 'table_description': 'A refusal of SMS. `Customer.sms_opted_out_at` repeats what is in force, so that nobody need look further.'},
        ),
        ops.AddField(
            model_name='StepTexts',
            name='email',
            field=fields.JSONField(default=dict, db_default={}, encoder=JSON_DUMPS, decoder=loads),
        ),
        # Every organization has a card for every kind; and addresses are found by their small letters.
        ops.RunSQL(
            "INSERT INTO integration (organization_id, kind, status) SELECT id, 'EMAIL', 'DISCONNECTED' FROM organization"
            " ON CONFLICT DO NOTHING",
            "DELETE FROM integration WHERE kind = 'EMAIL'",
        ),
        ops.RunSQL("UPDATE customer SET email = lower(email) WHERE email <> lower(email)", "SELECT 1"),
    ]
