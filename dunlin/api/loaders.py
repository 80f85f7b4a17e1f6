"""Batched reads, so that no list asks row by row. A set of loaders lives as long as one operation or one event.

Rows come out of rows that the viewer may see, and every relation stays within one organization.
"""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, TypeVar

from strawberry import dataloader
from tortoise.models import Model

from dunlin.api.listing import CountKey, PageKey, load_counts, load_pages
from dunlin.api.pages import Page
from dunlin.domain import tables
from dunlin.domain.actions.disconnect_integration import impacts_of
from dunlin.domain.actions.forecast import forecasts
from dunlin.domain.actions.spending import Spending, spending_of
from dunlin.domain.price_list import ListedPrice, prices_of
from dunlin.domain.rules.forecast import Forecast
from dunlin.domain.rules.impact import Impact
from dunlin.domain.viewer import Viewer

M = TypeVar("M", bound=Model)
K = TypeVar("K")
T = TypeVar("T")

_MOST_IDS = 10_000  # of one statement: Tortoise gives each as a parameter, and PostgreSQL takes 32,767


class DataLoader(dataloader.DataLoader[K, T]):
    """Where one part of an answer fails, what else it waits for is cancelled; other parts may wait for the same."""

    def load(self, key: K) -> asyncio.Future[T]:
        return asyncio.shield(super().load(key))


def _by_id(model: type[M]) -> DataLoader[int, M | None]:
    async def load(ids: list[int]) -> list[M | None]:
        found = {row.pk: row for row in await model.filter(id__in=ids)}
        return [found.get(row_id) for row_id in ids]

    return DataLoader(load_fn=load, max_batch_size=_MOST_IDS)


def _by_parent(model: type[M], parent: str, *order: str) -> DataLoader[int, list[M]]:
    async def load(ids: list[int]) -> list[list[M]]:
        grouped: defaultdict[int, list[M]] = defaultdict(list)
        for row in await model.filter(**{f"{parent}__in": ids}).order_by(*order):
            grouped[getattr(row, parent)].append(row)
        return [grouped[parent_id] for parent_id in ids]

    return DataLoader(load_fn=load, max_batch_size=_MOST_IDS)


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
    def __init__(self) -> None:
        self.organization = _by_id(tables.Organization)
        self.connection = _by_id(tables.Connection)
        self.cycle = _by_id(tables.CollectionCycle)
        self.customer = _by_id(tables.Customer)
        self.case = _by_id(tables.CollectionCase)
        self.reminder = _by_id(tables.Reminder)
        self.step_texts = _by_id(tables.StepTexts)
        self.integrations = _by_parent(tables.Integration, "organization_id", "id")
        self.steps = _by_parent(tables.CollectionStep, "cycle_id", "position")
        self.case_steps = _by_parent(tables.CaseStep, "case_id", "position")
        self.step_reminders = _by_parent(tables.Reminder, "case_step_id", "resend_number")
        self.events = _by_parent(tables.DeliveryEvent, "reminder_id", "sequence")
        self.newest_sequence: DataLoader[int, int] = DataLoader(load_fn=_load_newest_sequences)
        self.creditor_accounts = _by_parent(tables.CreditorAccount, "organization_id", "id")
        self.return_reasons = _by_parent(tables.ReturnReasonChoice, "organization_id", "code")
        self.opt_out: DataLoader[tuple[int, str], tables.SmsOptOut | None] = DataLoader(load_fn=_load_opt_out)
        self.forecast: DataLoader[tuple[Viewer, int, int], Forecast] = DataLoader(load_fn=_load_forecasts)
        self.impact: DataLoader[int, Impact] = DataLoader(load_fn=_load_impacts)
        self.pages: DataLoader[PageKey, Page[Any]] = DataLoader(load_fn=load_pages)
        self.counts: DataLoader[CountKey, int] = DataLoader(load_fn=load_counts)
        self.spending: DataLoader[int, Spending] = DataLoader(load_fn=_load_spending)
        self.prices: DataLoader[int, list[ListedPrice]] = DataLoader(load_fn=_load_prices)
