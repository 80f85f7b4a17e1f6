"""Let who got an e-mail refuse further ones, by the address that stands in it and that nobody else knows."""

from dataclasses import dataclass
from datetime import datetime

from dunlin.domain.actions.address_state import hold_address, hold_organizations
from dunlin.domain.actions.change_status import change_status
from dunlin.domain.actions.opt_outs import Statement, opt_out_address
from dunlin.domain.actions.recipients import REACHES
from dunlin.domain.choices import IntegrationKind, OptOutSource
from dunlin.domain.store import Store, Transaction, hold_integrations, rows

_WORDS = "By the unsubscribe button of an e-mail."


@dataclass(frozen=True, slots=True)
class SentMail:
    """An e-mail that went out, or was about to. `provider_message_id` is None until the server has taken it."""

    organization_id: int
    organization_name: str
    language: str
    to: str
    provider_message_id: str | None


async def find_mail(correlation: str) -> SentMail | None:
    """Return the e-mail of an attempt, if there is one."""
    found = await rows(_FIND, correlation)
    return SentMail(**found[0]) if found else None


async def unsubscribe(store: Store, mail: SentMail, now: datetime) -> None:
    """Note that whoever has the address of an e-mail refuses those of its organization, however often it is said."""
    reach = REACHES[IntegrationKind.EMAIL]

    async def refuse(transaction: Transaction) -> None:
        await hold_integrations(transaction, mail.organization_id)
        await hold_organizations(transaction, [mail.organization_id])
        await hold_address(transaction, reach, [mail.organization_id], mail.to)
        statement = Statement(now, OptOutSource.EMAIL, _WORDS, by=None)
        canceled = await opt_out_address(transaction, reach, mail.organization_id, mail.to, statement)
        await change_status(transaction, canceled, now)

    await store.transact(refuse)


_FIND = """
SELECT r.organization_id, o.name AS organization_name, r.language, r."to", a.provider_message_id
FROM send_attempt a JOIN reminder r ON r.id = a.reminder_id JOIN organization o ON o.id = r.organization_id
WHERE a.correlation = $1 AND r.method = 'EMAIL'
"""
