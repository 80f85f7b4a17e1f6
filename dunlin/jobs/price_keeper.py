"""Keeps prices: asks the carrier for those that are new or a day old."""

import asyncio
from datetime import UTC, datetime

import structlog

from dunlin.domain.actions.refresh_prices import PriceQuestion, claim_prices, record_quotes
from dunlin.domain.carrier import CarrierUnavailable, Quote, TwilioCredentials
from dunlin.domain.vault import BrokenSeal
from dunlin.runtime.wiring import Services

_LOOK_EVERY_S = 1.0
_AT_ONCE = 5

log = structlog.get_logger()


class PriceKeeper:
    """One per worker process. It may be canceled at any moment: it only reads from the carrier."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        while True:
            try:
                while await self.refresh(datetime.now(UTC)):
                    pass
            except Exception:  # the database is away: the next round will find everything
                log.exception("cannot refresh prices")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def refresh(self, now: datetime) -> int:
        """Ask for a batch of what is due at `now`; return how many were asked for."""
        questions = await claim_prices(self._services.store, now)
        quotes = await asyncio.gather(*(self._ask(question) for question in questions))
        await record_quotes(self._services.store, list(zip(questions, quotes, strict=True)), now)
        return len(questions)

    async def _ask(self, question: PriceQuestion) -> Quote:
        async with self._places:
            quote = await self._quote(question)
        if isinstance(quote, CarrierUnavailable):
            log.warning("no price", organization=question.organization_id, country=question.country, why=quote.reason)
        return quote

    async def _quote(self, question: PriceQuestion) -> Quote:
        try:
            credentials = self._services.vault.open(
                question.sealed_credentials, organization_id=question.organization_id
            )
        except BrokenSeal as error:
            return CarrierUnavailable(str(error))
        if not isinstance(credentials, TwilioCredentials):
            return CarrierUnavailable("The stored keys are not those of a carrier that has prices.")
        return await self._services.channels.texting[question.provider].price(credentials, question.country)
