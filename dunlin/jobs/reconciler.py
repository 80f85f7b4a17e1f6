"""Asks carriers about what they keep silent of. Callbacks are the quick way, this is the sure one."""

import asyncio
import random
from collections import defaultdict
from datetime import timedelta

import structlog

from dunlin.domain.actions.look_up import Inquiry, claim_silent, claim_unconfirmed, record_look_up
from dunlin.domain.actions.record_reports import record_report
from dunlin.domain.carrier import CarrierUnavailable, LostMessage, StatusReport, TwilioCredentials
from dunlin.domain.store import database_time
from dunlin.domain.vault import BrokenSeal
from dunlin.runtime.wiring import Services

_BATCH = 100
_AT_ONCE = 16
_AT_ONCE_PER_ACCOUNT = 4  # one that does not answer must not take all the places
_CLOCKS_DIFFER = timedelta(seconds=5)

log = structlog.get_logger()


class _Places:
    """How many are asked about at once, in one round."""

    def __init__(self) -> None:
        self.together = asyncio.Semaphore(_AT_ONCE)
        self.of_account: defaultdict[int, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_AT_ONCE_PER_ACCOUNT)
        )


class Reconciler:
    """Asks, and records what is said. One per process."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def run(self) -> None:
        """Ask for ever, at every sweep's pace, about whatever is due."""
        while True:
            try:
                await self.reconcile()
            except Exception:  # the database is away: the next round will find everything
                log.exception("reconciling failed")
            await asyncio.sleep(self._services.store.times.sweep.total_seconds() * random.uniform(0.8, 1.2))

    async def reconcile(self) -> None:
        """Ask about all that is due now."""
        store = self._services.store
        while inquiries := await claim_unconfirmed(store, limit=_BATCH) + await claim_silent(store, limit=_BATCH):
            places = _Places()
            await asyncio.gather(*(self._ask(inquiry, places) for inquiry in inquiries))

    async def _ask(self, inquiry: Inquiry, places: _Places) -> None:
        async with places.of_account[inquiry.connection_id], places.together:
            await self._ask_now(inquiry)

    async def _ask_now(self, inquiry: Inquiry) -> None:
        try:
            if inquiry.provider_message_id is None:
                await self._look_up(inquiry)
            else:
                await self._fetch(inquiry, inquiry.provider_message_id)
        except Exception:  # one that cannot be recorded holds up nobody else's
            log.exception("cannot reconcile", reminder=inquiry.reminder_id)

    async def _look_up(self, inquiry: Inquiry) -> None:
        credentials = self._credentials(inquiry)
        if isinstance(credentials, TwilioCredentials):
            since = inquiry.began_at - _CLOCKS_DIFFER
            until = inquiry.began_at + self._services.store.times.taken_within + _CLOCKS_DIFFER
            lost = LostMessage(credentials, inquiry.sender, inquiry.to, inquiry.text, since, until)
            seen = await self._services.channels.texting[inquiry.provider].look_up(lost)
        else:
            seen = credentials
        await record_look_up(self._services.store, inquiry, seen, await database_time())

    async def _fetch(self, inquiry: Inquiry, provider_message_id: str) -> None:
        credentials = self._credentials(inquiry)
        if isinstance(credentials, TwilioCredentials):
            said = await self._services.channels.texting[inquiry.provider].fetch(credentials, provider_message_id)
            if isinstance(said, StatusReport):
                await record_report(self._services.store, inquiry.correlation, said, await database_time())

    def _credentials(self, inquiry: Inquiry) -> TwilioCredentials | CarrierUnavailable:
        if inquiry.sealed_credentials is None:
            return CarrierUnavailable("The keys of the account are destroyed.")
        try:
            credentials = self._services.vault.open(inquiry.sealed_credentials, organization_id=inquiry.organization_id)
        except BrokenSeal:
            log.error("cannot open credentials", connection=inquiry.connection_id)
            return CarrierUnavailable("The stored keys of the account cannot be opened.")
        if not isinstance(credentials, TwilioCredentials):
            return CarrierUnavailable("A mail server has no list of what it took.")
        return credentials
