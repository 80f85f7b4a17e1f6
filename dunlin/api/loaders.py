"""Batched reads, so that no list asks row by row. A set of loaders lives as long as one operation or one event.

Rows come out of rows that the viewer may see, and every relation stays within one organization.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Generic, TypeVar

from tortoise.models import Model

from dunlin.api.listing import CountKey, PageKey, load_counts, load_pages
from dunlin.api.pages import Page
from dunlin.domain import tables
from dunlin.domain.actions.disconnect_integration import impacts_of
from dunlin.domain.actions.forecast import forecasts
from dunlin.domain.actions.spending import Spending, spending_of
from dunlin.domain.price_list import ListedPrice, prices_of
from dunlin.domain.records import columns_of, name_of, read, read_by_ids
from dunlin.domain.rules.forecast import Forecast
from dunlin.domain.rules.impact import Impact
from dunlin.domain.viewer import Viewer

M = TypeVar("M", bound=Model)
K = TypeVar("K")
T = TypeVar("T")


class _Batch(Generic[K, T]):
    """What is read by one call."""

    def __init__(self) -> None:
        self.keys: list[K] = []
        self.found: dict[K, T] = {}
        self._error: Exception | None = None
        self._is_over = False
        self._waiting: list[asyncio.Future[None]] = []

    async def over(self) -> None:
        """Return when all of it is there, or raise why it is not."""
        if not self._is_over:
            waiting = asyncio.get_running_loop().create_future()  # of one's own: others go on where one is cancelled
            self._waiting.append(waiting)
            await waiting
        if self._error is not None:
            raise self._error

    def end(self, error: Exception | None = None) -> None:
        self._is_over, self._error = True, error
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)


class Loader(Generic[K, T]):
    """Reads by one call what is asked for in the same moment, and nothing twice. `read` returns a value for each key.

    Who waits may be cancelled: what they have asked for is read all the same, for others may wait for it as well.
    """

    def __init__(self, read: Callable[[list[K]], Awaitable[Sequence[T]]], most: int | None = None) -> None:
        self._read = read
        self._most = most
        self._batches: dict[K, _Batch[K, T]] = {}
        self._next: _Batch[K, T] | None = None
        self._reading: set[asyncio.Task[None]] = set()

    async def load(self, key: K) -> T:
        return (await self.load_all([key]))[0]

    async def load_all(self, keys: Sequence[K]) -> list[T]:
        """Return the values of the keys, in their order."""
        batches = [self._batches.get(key) or self._add(key) for key in keys]
        for batch in dict.fromkeys(batches):
            await batch.over()
        return [batch.found[key] for key, batch in zip(keys, batches, strict=True)]

    def _add(self, key: K) -> _Batch[K, T]:
        batch = self._next
        if batch is None or len(batch.keys) == self._most:
            batch = self._next = _Batch()
            asyncio.get_running_loop().call_soon(self._begin, batch)
        batch.keys.append(key)
        self._batches[key] = batch
        return batch

    def _begin(self, batch: _Batch[K, T]) -> None:
        reading = asyncio.create_task(self._fill(batch))
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)

    async def _fill(self, batch: _Batch[K, T]) -> None:
        if self._next is batch:
            self._next = None
        try:
            batch.found.update(zip(batch.keys, await self._read(batch.keys), strict=True))
        except Exception as error:
            batch.end(error)
        else:
            batch.end()


class Rows(Loader[int, M | None]):
    """Rows of a table by their ids."""

    def __init__(self, table: type[M]) -> None:
        super().__init__(self._rows)
        self._table = table

    async def existing(self, ids: Sequence[int]) -> list[M]:
        """Return rows that another row refers to, and which therefore exist."""
        found = await self.load_all(ids)
        rows = [row for row in found if row is not None]
        assert len(rows) == len(found), "what a row refers to exists"
        return rows

    async def _rows(self, ids: list[int]) -> list[M | None]:
        found = await read_by_ids(self._table, ids)
        return [found.get(row_id) for row_id in ids]


def _by_parent(table: type[M], parent: str, order: str) -> Loader[int, list[M]]:
    sql = f'SELECT {{}} FROM "{{}}" WHERE {parent} = ANY($1::bigint[]) ORDER BY {order}'

    async def load(ids: list[int]) -> list[list[M]]:
        grouped: defaultdict[int, list[M]] = defaultdict(list)
        for row in await read(table, sql.format(columns_of(table), name_of(table)), ids):
            grouped[getattr(row, parent)].append(row)
        return [grouped[parent_id] for parent_id in ids]

    return Loader(load)


async def _load_prices(organization_ids: list[int]) -> list[list[ListedPrice]]:
    listed = await prices_of(organization_ids)
    return [[row for row in listed if row.organization_id == one] for one in organization_ids]


async def _load_spending(organization_ids: list[int]) -> list[Spending]:
    found = await spending_of(organization_ids, datetime.now(UTC))
    return [found[organization_id] for organization_id in organization_ids]


async def _load_newest_sequences(organization_ids: list[int]) -> list[int]:
    found = await tables.DeliverySequence.filter(organization_id__in=organization_ids)
    newest = {row.organization_id: row.last_sequence for row in found}
    return [newest[organization_id] for organization_id in organization_ids]


async def _load_opt_out(keys: list[tuple[int, str]]) -> list[tables.SmsOptOut | None]:
    """The one in force, by organization and number."""
    found = tables.SmsOptOut.filter(
        organization_id__in={key[0] for key in keys}, phone__in={key[1] for key in keys}, lifted_at__isnull=True
    )
    in_force = {(row.organization_id, row.phone): row for row in await found}
    return [in_force.get(key) for key in keys]


async def _load_forecasts(keys: list[tuple[Viewer, int, int]]) -> list[Forecast]:
    """By who asks, the number of days, and the organization."""
    found: dict[tuple[Viewer, int, int], Forecast] = {}
    for viewer, days in {key[:2] for key in keys}:
        organizations = await tables.Organization.filter(id__in=[key[2] for key in keys if key[:2] == (viewer, days)])
        ahead = await forecasts(viewer, organizations, days, datetime.now(UTC))
        found |= {(viewer, days, one.id): forecast for one, forecast in zip(organizations, ahead, strict=True)}
    return [found[key] for key in keys]


async def _load_impacts(integration_ids: list[int]) -> list[Impact]:
    found = await impacts_of(integration_ids)
    return [found[integration_id] for integration_id in integration_ids]


class Loaders:
    """Each is made when it is first asked for: an operation uses few of them."""

    organization = cached_property(lambda _: Rows(tables.Organization))
    connection = cached_property(lambda _: Rows(tables.Connection))
    cycle = cached_property(lambda _: Rows(tables.CollectionCycle))
    customer = cached_property(lambda _: Rows(tables.Customer))
    case = cached_property(lambda _: Rows(tables.CollectionCase))
    reminder = cached_property(lambda _: Rows(tables.Reminder))
    step_texts = cached_property(lambda _: Rows(tables.StepTexts))
    integrations = cached_property(lambda _: _by_parent(tables.Integration, "organization_id", "id"))
    steps = cached_property(lambda _: _by_parent(tables.CollectionStep, "cycle_id", "position"))
    case_steps = cached_property(lambda _: _by_parent(tables.CaseStep, "case_id", "position"))
    step_reminders = cached_property(lambda _: _by_parent(tables.Reminder, "case_step_id", "resend_number"))
    events = cached_property(lambda _: _by_parent(tables.DeliveryEvent, "reminder_id", "sequence"))
    newest_sequence = cached_property[Loader[int, int]](lambda _: Loader(_load_newest_sequences))
    creditor_accounts = cached_property(lambda _: _by_parent(tables.CreditorAccount, "organization_id", "id"))
    return_reasons = cached_property(lambda _: _by_parent(tables.ReturnReasonChoice, "organization_id", "code"))
    opt_out = cached_property[Loader[tuple[int, str], tables.SmsOptOut | None]](lambda _: Loader(_load_opt_out))
    forecast = cached_property[Loader[tuple[Viewer, int, int], Forecast]](lambda _: Loader(_load_forecasts))
    impact = cached_property[Loader[int, Impact]](lambda _: Loader(_load_impacts))
    pages = cached_property[Loader[PageKey, Page[Any]]](lambda _: Loader(load_pages))
    counts = cached_property[Loader[CountKey, int]](lambda _: Loader(load_counts))
    spending = cached_property[Loader[int, Spending]](lambda _: Loader(_load_spending))
    prices = cached_property[Loader[int, list[ListedPrice]]](lambda _: Loader(_load_prices))
