"""Note that a person has dealt with a text that came in."""

from datetime import datetime

from dunlin.domain.choices import AuditAction, Permission
from dunlin.domain.errors import not_found
from dunlin.domain.rules.recipient import ANSWERED
from dunlin.domain.store import Store, Transaction, hold_integrations
from dunlin.domain.tables import CollectionCase, InboundText
from dunlin.domain.viewer import Viewer


async def mark_inbound_text_read(store: Store, viewer: Viewer, *, inbound_text_id: int, now: datetime) -> InboundText:
    """Return the text, dealt with. Its case asks for attention because of texts only while some are left.

    One that has been dealt with already stays as is. Refuses with NOT_FOUND or WRONG_STATE (closed).
    """
    viewer.require(Permission.COLLECT)
    found = await viewer.visible(InboundText.filter(id=inbound_text_id)).first()
    if found is None:
        raise not_found("inbound text", "inboundTextId")

    async def mark(transaction: Transaction) -> InboundText:
        await hold_integrations(transaction, found.organization_id)
        if found.case_id is not None:
            await CollectionCase.select_for_update(no_key=True).get(id=found.case_id)
        text = await InboundText.select_for_update(no_key=True).get(id=found.id)
        if text.read_at is not None:
            return text
        text.read_at, text.read_by = now, viewer.actor.name
        await text.save(update_fields=["read_at", "read_by"])
        await transaction.rows(_CALL_OFF, text.case_id, ANSWERED)
        transaction.audit(
            viewer,
            AuditAction.INBOUND_TEXT_READ,
            ("InboundText", text.id),
            organization_id=text.organization_id,
            after={"readAt": now},
        )
        return text

    return await store.transact(mark)


_CALL_OFF = """
UPDATE collection_case SET attention_reason = NULL
WHERE id = $1 AND attention_reason = $2 AND NOT EXISTS (
  SELECT 1 FROM inbound_text WHERE case_id = $1 AND kind IN ('HELP', 'OTHER') AND read_at IS NULL)
"""
