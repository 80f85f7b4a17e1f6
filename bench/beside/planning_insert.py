"""The limit of planning: the reminders of an organization's due cases by one INSERT ... SELECT, and nothing else."""

import time

from tortoise.transactions import in_transaction

from dunlin.domain.store import rows

_INSERT = """
INSERT INTO reminder (organization_id, case_id, case_step_id, integration_id, method, "to", text, language, encoding,
  segments, scheduled_for, created_at, status, resend_number, fence, tries)
SELECT s.organization_id, s.case_id, s.id, i.id, 'SMS', customer.phone, texts.sms->>'en', 'en', 'GSM_7', 1, now(),
  now(), 'SCHEDULED', 0, 0, 0
FROM collection_case c
JOIN case_step s ON s.case_id = c.id AND s.state = 'PENDING'
JOIN step_texts texts ON texts.id = s.texts_id
JOIN customer ON customer.id = c.customer_id
JOIN integration i ON i.organization_id = c.organization_id AND i.kind = 'SMS'
WHERE c.state = 'ACTIVE' AND c.next_action_at <= now() AND c.organization_id = $1
"""
_DONE = """
UPDATE collection_case SET next_action_at = NULL WHERE organization_id = $1 AND next_action_at <= now() RETURNING id
"""


async def insert_seconds(organization_id: int, count: int) -> float:
    """Return how long it takes. What was due is not any more afterwards."""
    began = time.perf_counter()
    async with in_transaction() as connection:
        await connection.execute_query(_INSERT, [organization_id])
    took = time.perf_counter() - began
    assert len(await rows(_DONE, organization_id)) == count
    return took
