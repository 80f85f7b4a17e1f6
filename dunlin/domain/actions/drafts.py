"""What a reminder is written with, out of a row of a case, its step, customer and organization."""

import json
from typing import Any

from dunlin.domain.choices import ReturnReaction
from dunlin.domain.rules.texts import Filling
from dunlin.domain.rules.writing import Draft

# Of the tables `step_texts texts`, `collection_case c`, `customer` and `organization o`.
DRAFT_COLUMNS = """texts.sms, c.amount_due, c.currency, c.due_on, c.external_reference, c.payment_link, c.reaction,
  customer.name AS customer_name, customer.language AS customer_language, o.name AS organization_name,
  o.default_language"""


def draft_of(row: dict[str, Any]) -> Draft:
    """Return the draft of a row with `DRAFT_COLUMNS`."""
    return Draft(
        texts=json.loads(row["sms"]),
        customer_language=row["customer_language"],
        default_language=row["default_language"],
        filling=Filling(
            customer_name=row["customer_name"],
            organization_name=row["organization_name"],
            amount=row["amount_due"],
            currency=row["currency"],
            due_on=row["due_on"],
            reference=row["external_reference"],
            reaction=ReturnReaction(row["reaction"]),
            payment_link=row["payment_link"],
        ),
    )
