"""Who refuses messages in an organization: kept by address, so that it counts for everybody who has it."""

from dataclasses import dataclass
from datetime import datetime

from dunlin.domain.actions.address_state import stop_reaching
from dunlin.domain.actions.change_status import StatusChange
from dunlin.domain.actions.recipients import Reach, opted_out_since
from dunlin.domain.choices import Check, OptOutSource
from dunlin.domain.rules.finding import failed
from dunlin.domain.rules.recipient import words_of
from dunlin.domain.store import Transaction


@dataclass(frozen=True, slots=True)
class Statement:
    """What was said about messages to an address: when, which way it came, in which words, and who put it down."""

    at: datetime
    source: OptOutSource
    words: str | None
    by: str | None


async def opt_out_address(
    transaction: Transaction, reach: Reach, organization_id: int, address: str, statement: Statement
) -> list[StatusChange]:
    """Note that whoever has this address refuses messages there; return what has to be canceled for it.

    A refusal that is in force stays as it was put down first. The caller holds the organization and the address.
    """
    await transaction.rows(_insert(reach), organization_id, address, *_columns(statement))
    await transaction.rows(_tell_customers(reach), organization_id, address)
    why = failed(Check.OPT_OUT, words_of(reach.kind).opted_out)
    return await stop_reaching(transaction, reach, organization_id, address, why)


async def opt_in_address(
    transaction: Transaction, reach: Reach, organization_id: int, address: str, statement: Statement
) -> bool:
    """Lift the refusal of an address; return whether there was one. What was canceled or skipped stays so.

    The caller holds the organization and the address.
    """
    lifted = await transaction.rows(_lift(reach), organization_id, address, *_columns(statement))
    if lifted:
        await transaction.rows(_tell_customers(reach), organization_id, address)
        await transaction.rows(_call_off(reach), organization_id, address, words_of(reach.kind).opted_out)
    return bool(lifted)


def _columns(statement: Statement) -> tuple[object, ...]:
    return statement.at, statement.source.value, statement.words, statement.by


def _insert(reach: Reach) -> str:
    return f"""
INSERT INTO {reach.opt_outs} (organization_id, {reach.address}, opted_out_at, source, words, by)
SELECT $1::bigint, $2::text, $3::timestamptz, $4::text, $5::text, $6::text
WHERE NOT EXISTS (SELECT 1 FROM {reach.opt_outs}
                  WHERE organization_id = $1 AND {reach.address} = $2 AND lifted_at IS NULL)
"""


def _lift(reach: Reach) -> str:
    return f"""
UPDATE {reach.opt_outs} SET lifted_at = $3, lifted_source = $4, lifted_words = $5, lifted_by = $6
WHERE organization_id = $1 AND {reach.address} = $2 AND lifted_at IS NULL RETURNING id
"""


def _tell_customers(reach: Reach) -> str:
    return f"""
UPDATE customer SET {reach.opted_out_at} = {opted_out_since(reach, "$2")}
WHERE organization_id = $1 AND {reach.address} = $2
"""


def _call_off(reach: Reach) -> str:
    return f"""
UPDATE collection_case c SET attention_reason = NULL FROM customer
WHERE customer.id = c.customer_id AND customer.organization_id = $1 AND customer.{reach.address} = $2
  AND c.attention_reason = $3
"""
