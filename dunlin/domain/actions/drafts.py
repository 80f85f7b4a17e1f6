"""What a reminder is written with, out of a row of a case, its step, customer and organization."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, assert_never

from dunlin.domain.choices import IntegrationKind, ReturnReaction
from dunlin.domain.rules.texts import Filling
from dunlin.domain.rules.writing import Draft, Wording

# Of the tables `step_texts texts`, `collection_case c`, `customer` and `organization o`.
DRAFT_COLUMNS = """texts.sms, texts.email AS mails, c.amount_due, c.currency, c.due_on, c.external_reference,
  c.payment_link, c.reaction, customer.name AS customer_name, customer.language AS customer_language,
  o.name AS organization_name, o.default_language"""


def draft_of(row: dict[str, Any], kind: IntegrationKind) -> Draft:
    """Return the draft of a row with `DRAFT_COLUMNS`."""
    return Draft(
        texts=wordings_of(row, kind),
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


def wordings_of(row: dict[str, Any], kind: IntegrationKind) -> Mapping[str, Wording]:
    match kind:
        case IntegrationKind.SMS:
            return _texts(row["sms"])
        case IntegrationKind.EMAIL:
            return _mails(row["mails"])
        case _:
            assert_never(kind)


@lru_cache(maxsize=1_024)  # those of a step are read with each of its reminders
def _texts(stored: str) -> Mapping[str, Wording]:
    return {language: Wording(text) for language, text in json.loads(stored).items()}


@lru_cache(maxsize=128)
def _mails(stored: str) -> Mapping[str, Wording]:
    return {language: Wording(mail["body"], mail["subject"]) for language, mail in json.loads(stored).items()}
