"""Who refuses SMS in an organization: kept by number, so that it counts for everybody who has it, now or later."""

from dataclasses import dataclass
from datetime import datetime

from dunlin.domain.actions.change_status import StatusChange
from dunlin.domain.actions.phone_state import stop_texting
from dunlin.domain.choices import Check, OptOutSource
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.recipient import OPTED_OUT
from dunlin.domain.store import Transaction


@dataclass(frozen=True, slots=True)
class Statement:
    """What was said about texts to a number: when, which way it came, in which words, and who put it down."""

    at: datetime
    source: OptOutSource
    words: str | None
    by: str | None


async def opt_out_number(
    transaction: Transaction, organization_id: int, phone: str, statement: Statement
) -> list[StatusChange]:
    """Note that whoever has this number refuses texts; return what has to be canceled for it.

    A refusal that is in force stays as it was put down first. The caller holds the organization and the number.
    """
    await transaction.rows(
        _INSERT, organization_id, phone, statement.at, statement.source.value, statement.words, statement.by
    )
    await transaction.rows(_TELL_CUSTOMERS, organization_id, phone)
    return await stop_texting(transaction, organization_id, phone, failed(Check.OPT_OUT, OPTED_OUT))


async def opt_in_number(transaction: Transaction, organization_id: int, phone: str, statement: Statement) -> bool:
    """Lift the refusal of a number; return whether there was one. What was canceled or skipped stays so.

    The caller holds the organization and the number.
    """
    lifted = await transaction.rows(
        _LIFT, organization_id, phone, statement.at, statement.source.value, statement.words, statement.by
    )
    if lifted:
        await transaction.rows(_TELL_CUSTOMERS, organization_id, phone)
        await transaction.rows(_CALL_OFF, organization_id, phone, OPTED_OUT)
    return bool(lifted)


_INSERT = """
INSERT INTO sms_opt_out (organization_id, phone, opted_out_at, source, words, by)
SELECT $1::bigint, $2::text, $3::timestamptz, $4::text, $5::text, $6::text
WHERE NOT EXISTS (SELECT 1 FROM sms_opt_out WHERE organization_id = $1 AND phone = $2 AND lifted_at IS NULL)
"""

_LIFT = """
UPDATE sms_opt_out SET lifted_at = $3, lifted_source = $4, lifted_words = $5, lifted_by = $6
WHERE organization_id = $1 AND phone = $2 AND lifted_at IS NULL RETURNING id
"""

_TELL_CUSTOMERS = """
UPDATE customer SET sms_opted_out_at = (SELECT o.opted_out_at FROM sms_opt_out o
                                        WHERE o.organization_id = $1 AND o.phone = $2 AND o.lifted_at IS NULL)
WHERE organization_id = $1 AND phone = $2
"""

_CALL_OFF = """
UPDATE collection_case c SET attention_reason = NULL FROM customer
WHERE customer.id = c.customer_id AND customer.organization_id = $1 AND customer.phone = $2 AND c.attention_reason = $3
"""
