"""Collection cycles and their steps."""

from tortoise import fields
from tortoise.fields import ForeignKeyRelation, OnDelete
from tortoise.indexes import Index

from dunlin.domain.choices import CommunicationMethod
from dunlin.domain.tables.account import LONGEST_CHOICE, OfOrganization


class CollectionCycle(OfOrganization):
    name = fields.CharField(max_length=200)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "collection_cycle"
        indexes = (Index(fields=("organization_id", "id")),)


class StepTexts(OfOrganization):
    """The texts of one version of a step; never changed, so that case steps can share them by reference."""

    sms = fields.JSONField[dict[str, str]]()  # language -> text
    email = fields.JSONField[dict[str, dict[str, str]]](default=dict, db_default={})  # language -> subject, body

    class Meta:
        table = "step_texts"


class CollectionStep(OfOrganization):
    cycle: ForeignKeyRelation[CollectionCycle] = fields.ForeignKeyField(
        "dunlin.CollectionCycle", on_delete=OnDelete.RESTRICT
    )
    cycle_id: int
    position = fields.IntField()
    name = fields.CharField(max_length=200)
    trigger_days = fields.IntField()
    communication_method = fields.CharEnumField(CommunicationMethod, max_length=LONGEST_CHOICE)
    texts: ForeignKeyRelation[StepTexts] = fields.ForeignKeyField("dunlin.StepTexts", on_delete=OnDelete.RESTRICT)
    texts_id: int
    version = fields.IntField(default=1)

    class Meta:
        table = "collection_step"
        unique_together = (("cycle_id", "position"),)
        indexes = (Index(fields=("organization_id",)),)
