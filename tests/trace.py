"""Traces: what is put into all that is stored of an organization, to be looked for where it must not appear."""

from datetime import UTC, date, datetime

from tortoise import fields
from tortoise.fields.data import CharEnumFieldInstance
from tortoise.models import Model

from dunlin.domain import tables

# Every text, number and moment of a marked organization has one of these, and nothing else has.
LETTER = "ƺ"
NUMBER = 1_909_190_000
DAY = date(1909, 9, 19)
_CALCULATED_WITH = ("time_zone", "window_start", "window_end")  # nobody could show what they lead to
TRACES = (LETTER, str(NUMBER // 1_000), DAY.isoformat())


async def mark_everything(organization: tables.Organization) -> None:
    """Put a trace into every text, number and moment that is stored of an organization."""
    await mark(organization)
    for table in vars(tables).values():
        if isinstance(table, type) and issubclass(table, Model) and "organization_id" in table._meta.fields_map:
            for row in await table.filter(organization_id=organization.id):
                await mark(row)


async def mark(row: Model) -> None:
    for name in row._meta.fields_db_projection:
        if name not in ("id", "subject") and not name.endswith("_id"):
            setattr(row, name, marked(name, row._meta.fields_map[name], row))
    await row.save()


def marked(name: str, field: fields.Field[object], row: Model) -> object:
    match field:
        case CharEnumFieldInstance():
            return getattr(row, name)
        case fields.CharField() if name in _CALCULATED_WITH:
            return getattr(row, name)
        case fields.CharField():
            return f"{LETTER}{row.pk} {name}"[: field.max_length]
        case fields.TextField():
            return f"{LETTER}{row.pk} {name}"
        case fields.IntField() | fields.BigIntField() | fields.DecimalField():
            return NUMBER + row.pk
        case fields.DateField():
            return DAY
        case fields.DatetimeField():
            return datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
        case fields.JSONField() if name == "sms":
            return {"en": LETTER}
        case fields.JSONField() if name == "changes":
            return [{"field": LETTER, "before": LETTER, "after": LETTER}]
        case _:
            return getattr(row, name)
