"""Take in what people answer: each text once, in the organization that it concerns."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from dunlin.domain.actions.address_state import hold_address, hold_organizations
from dunlin.domain.actions.change_status import StatusChange, change_status
from dunlin.domain.actions.opt_outs import Statement, opt_in_address, opt_out_address
from dunlin.domain.actions.recipients import REACHES
from dunlin.domain.carrier import TextReceived
from dunlin.domain.choices import InboundTextKind, IntegrationKind, OptOutSource
from dunlin.domain.rules.addressee import Concerned, addressee
from dunlin.domain.rules.answer import read_answer
from dunlin.domain.rules.recipient import ANSWERED
from dunlin.domain.store import Store, Transaction, rows


@dataclass(frozen=True, slots=True)
class SealedKeys:
    """The keys of one connection, as sealed for its organization."""

    organization_id: int
    sealed_credentials: bytes


@dataclass(frozen=True, slots=True)
class InboundAddress:
    """Whose address it is, and whose keys what comes there may be signed with, the likeliest first."""

    integration_id: int
    organization_id: int
    keys: Sequence[SealedKeys]


async def find_inbound_address(key: UUID) -> InboundAddress | None:
    """Return what belongs to an address for inbound texts; None if there is none, or nobody's keys are left."""
    found = await rows(_ADDRESS, key)
    if not found:
        return None
    keys = [SealedKeys(row["keys_of"], row["sealed_credentials"]) for row in found]
    return InboundAddress(found[0]["integration_id"], found[0]["organization_id"], keys)


async def receive_text(store: Store, address: InboundAddress, received: TextReceived, now: datetime) -> None:
    """Keep a genuine text and do what it asks for. A repeated one changes nothing."""
    kind = received.keyword or read_answer(received.text)

    async def receive(transaction: Transaction) -> None:
        found = await transaction.rows(
            _CONCERNED, address.organization_id, received.account_sid, list(received.recipients), received.sender
        )
        concerned = [Concerned(**row) for row in found]
        target = addressee(concerned, own=address.organization_id)
        told = {one.organization_id for one in concerned if one.is_known or one.organization_id == target}
        await _hold(transaction, told if kind in _FOR_ALL else {target}, received.sender)
        text_id = await _keep(transaction, target, received, kind, now)
        if text_id is None:
            return
        await transaction.rows(_NOTE_THAT_TEXTS_COME, address.integration_id)
        match kind:
            case InboundTextKind.STOP:
                await _stop(transaction, told, target, received, now)
            case InboundTextKind.START:
                if not await _start(transaction, told, target, received, now):
                    await transaction.rows("UPDATE inbound_text SET kind = 'OTHER' WHERE id = $1", text_id)
                    await _ask_for_attention(transaction, text_id)
            case InboundTextKind.HELP | InboundTextKind.OTHER:
                await _ask_for_attention(transaction, text_id)
            case _ as never:
                assert_never(never)

    await store.transact(receive)


_BY_PHONE = REACHES[IntegrationKind.SMS]
_FOR_ALL = {InboundTextKind.STOP, InboundTextKind.START}


async def _hold(transaction: Transaction, organization_ids: Collection[int], phone: str) -> None:
    await transaction.rows(
        "SELECT id FROM integration WHERE organization_id = ANY($1) ORDER BY id FOR SHARE", sorted(organization_ids)
    )
    await hold_organizations(transaction, organization_ids)
    await hold_address(transaction, _BY_PHONE, organization_ids, phone)


async def _keep(
    transaction: Transaction, organization_id: int, received: TextReceived, kind: InboundTextKind, now: datetime
) -> int | None:
    """Return the id of the new row, attached to a case if there is one; None if the text is known already."""
    kept = await transaction.rows(
        _INSERT,
        organization_id,
        received.provider_message_id,
        received.sender,
        received.recipients[0],
        received.text,
        kind.value,
        now,
    )
    return kept[0]["id"] if kept else None


async def _ask_for_attention(transaction: Transaction, text_id: int) -> None:
    await transaction.rows(
        "UPDATE collection_case SET attention_reason = $2 WHERE id = (SELECT case_id FROM inbound_text WHERE id = $1)",
        text_id,
        ANSWERED,
    )


async def _stop(
    transaction: Transaction, told: Collection[int], target: int, received: TextReceived, now: datetime
) -> None:
    canceled: list[StatusChange] = []
    for organization_id in sorted(told):
        statement = _statement(received, now, is_addressee=organization_id == target)
        canceled += await opt_out_address(transaction, _BY_PHONE, organization_id, received.sender, statement)
    await change_status(transaction, canceled, now)


async def _start(
    transaction: Transaction, told: Collection[int], target: int, received: TextReceived, now: datetime
) -> bool:
    """Return whether there was a refusal to lift. If not, YES may well be the answer to something else."""
    lifted = False
    for organization_id in sorted(told):
        statement = _statement(received, now, is_addressee=organization_id == target)
        lifted |= await opt_in_address(transaction, _BY_PHONE, organization_id, received.sender, statement)
    return lifted


def _statement(received: TextReceived, now: datetime, *, is_addressee: bool) -> Statement:
    # The others who share the number need not read what was meant for one.
    words = received.text if is_addressee else _TO_A_SHARED_NUMBER
    return Statement(now, OptOutSource.SMS, words, by=None)


_TO_A_SHARED_NUMBER = "By a text to a sender that other organizations use, too."


# Its own connections, the present one first; then those of others that use the same account now: the number may be
# shared, and whose address stands at the carrier may have disconnected meanwhile.
_ADDRESS = """
WITH own AS (
  SELECT id, organization_id, connection_id FROM integration WHERE inbound_key = $1
), known AS (
  SELECT k.id, k.integration_id, k.organization_id, k.sealed_credentials
  FROM own JOIN connection k ON k.integration_id = own.id
  UNION
  SELECT k.id, k.integration_id, k.organization_id, k.sealed_credentials
  FROM own JOIN connection former ON former.integration_id = own.id
  JOIN connection k ON k.account_sid = former.account_sid
  JOIN integration i ON i.id = k.integration_id AND i.connection_id = k.id
)
SELECT own.id AS integration_id, own.organization_id, known.organization_id AS keys_of, known.sealed_credentials
FROM own CROSS JOIN known WHERE known.sealed_credentials IS NOT NULL
ORDER BY (known.id = own.connection_id) DESC NULLS LAST, (known.integration_id = own.id) DESC, known.id DESC
LIMIT 5
"""

_NOTE_THAT_TEXTS_COME = """
UPDATE connection SET inbound_is_set = true
WHERE id = (SELECT connection_id FROM integration WHERE id = $1) AND NOT inbound_is_set
"""

# Everybody who sends from this number of this account now.
_CONCERNED = """
SELECT o.id AS organization_id,
       EXISTS (SELECT 1 FROM customer WHERE customer.organization_id = o.id AND customer.phone = $4)
       OR EXISTS (SELECT 1 FROM sms_opt_out s WHERE s.organization_id = o.id AND s.phone = $4 AND s.lifted_at IS NULL)
         AS is_known,
       (SELECT max(r.id) FROM customer JOIN collection_case c ON c.customer_id = customer.id
        JOIN reminder r ON r.case_id = c.id
        WHERE customer.organization_id = o.id AND customer.phone = $4 AND r."to" = $4 AND r.sent_at IS NOT NULL)
         AS newest_reminder
FROM (SELECT $1::bigint AS id
      UNION
      SELECT i.organization_id
      FROM connection k JOIN integration i ON i.id = k.integration_id AND i.connection_id = k.id
      WHERE k.account_sid = $2 AND k.sender = ANY($3)) o
ORDER BY o.id
"""

# The case of a text is the newest open one of whoever has the number; if none is open, the newest: many answer the
# last reminder, with which a case is completed.
_INSERT = """
INSERT INTO inbound_text (organization_id, provider_message_id, sender, recipient, text, kind, received_at, case_id)
VALUES ($1, $2, $3::text, $4, $5, $6, $7,
  (SELECT c.id FROM customer JOIN collection_case c ON c.customer_id = customer.id
   WHERE customer.organization_id = $1 AND customer.phone = $3
   ORDER BY (c.state <> 'CLOSED') DESC, c.opened_at DESC, c.id DESC LIMIT 1))
ON CONFLICT (organization_id, provider_message_id) DO NOTHING RETURNING id
"""
