"""Forecast what goes out in the next days, by the rules that will decide about it. Nothing is changed."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dunlin.domain.actions.contacts import Contacts, contacts_of, limits_of
from dunlin.domain.actions.plan_reminders import STEP_COLUMNS, STEP_JOINS, Due, decide_one, due_of
from dunlin.domain.carrier import SegmentPrice
from dunlin.domain.choices import CaseState, CheckOutcome, CommunicationMethod, IntegrationStatus, Permission
from dunlin.domain.price_list import prices_of
from dunlin.domain.rules.finding import Finding
from dunlin.domain.rules.forecast import Forecast
from dunlin.domain.rules.handover import look_at_customer_and_case
from dunlin.domain.rules.phone import country_of
from dunlin.domain.rules.plan import Skip
from dunlin.domain.rules.price import Cost, estimate
from dunlin.domain.store import rows
from dunlin.domain.tables import Organization
from dunlin.domain.viewer import Viewer

MOST_STEPS = 5_000  # of one forecast; about a second and a half
_PAGE = 500
_SLICE = 20  # what is decided before others get their turn


async def forecast(
    viewer: Viewer, organization: Organization, days: int, now: datetime, *, most_steps: int = MOST_STEPS
) -> Forecast:
    """Return the forecast for `days` days from today on, on the organization's calendar.

    The steps due first are decided about, `most_steps` at most; those after them are only counted. What the future
    brings besides is not known: payments, new cases, other texts, another policy.
    """
    viewer.require(Permission.READ)
    zone = ZoneInfo(organization.time_zone)
    today = now.astimezone(zone).date()
    result = Forecast(today, days)
    end = datetime.combine(today + timedelta(days=days), time.min, zone).astimezone(UTC)
    await _add_scheduled(result, organization, zone, now, end)
    foreseer = _Foreseer(result, await _prices(organization.id), zone, now)
    last: tuple[datetime, int] | None = None
    looked_at = 0
    async for page in _pages(organization.id, end, most_steps):
        await foreseer.foresee(page)
        looked_at += len(page)
        last = (page[-1]["due_at"], page[-1]["case_step_id"])
    if looked_at == most_steps and last is not None:
        result.pass_over(await _count_rest(organization, end, last, today))
    return result


class _Foreseer:
    """Decides about steps that are ahead, as planning will when they are due."""

    def __init__(self, result: Forecast, prices: dict[str, SegmentPrice], zone: ZoneInfo, now: datetime) -> None:
        self._result = result
        self._prices = prices
        self._zone = zone
        self._now = now
        self._contacts: dict[int, Contacts] = {}
        self._delays: defaultdict[int, int] = defaultdict(int)  # days by which the later steps of a case move

    async def foresee(self, page: Sequence[dict[str, Any]]) -> None:
        new = {row["customer_id"] for row in page if limits_of(row).are_set} - self._contacts.keys()
        self._contacts |= await contacts_of(new, self._now)
        for place, row in enumerate(page):
            self._foresee(row, due_of(row, self._now))
            if place % _SLICE == 0:
                await asyncio.sleep(0)

    def _foresee(self, row: dict[str, Any], due: Due) -> None:
        moment = self._moment(row, due)
        contacts = self._contacts.setdefault(due.customer_id, Contacts())
        step = replace(due.step, others=contacts.all_from(self._now))
        outcome = decide_one(replace(due, step=step), moment)
        if isinstance(outcome, Skip):
            self._result.keep(self._day(moment), outcome.findings[-1])
            return
        stopped = _obstacle(row)
        if stopped is not None:
            self._result.keep(self._day(moment), stopped)
            return
        contacts.planned[due.case_step_id] = outcome.scheduled_for
        price = self._prices.get(country_of(outcome.to) or "")
        cost = estimate(price, outcome.encoded.segments)
        self._result.send(self._day(outcome.scheduled_for), step.communication_method, cost)

    def _moment(self, row: dict[str, Any], due: Due) -> datetime:
        """Return when the step will be decided about: late ones now, and those after a late one as much later."""
        local: datetime = row["due_at"].astimezone(self._zone)
        moment = (local + timedelta(days=self._delays[due.case_id])).astimezone(UTC)
        self._delays[due.case_id] += due.days_late
        return max(moment, self._now)

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self._zone).date()


def _obstacle(row: dict[str, Any]) -> Finding | None:
    """Return what stands in the way of a reminder of a row, as it would when it is handed over."""
    looked_at = look_at_customer_and_case(
        opted_out=row["sms_opted_out_at"] is not None,
        needs_attention=row["integration_status"] == IntegrationStatus.NEEDS_ATTENTION,
        case_state=CaseState(row["case_state"]),
    )
    return next((finding for finding in looked_at if finding.outcome is not CheckOutcome.PASSED), None)


async def _pages(organization_id: int, end: datetime, most: int) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the steps that are due before `end`, soonest first, `most` at most."""
    after: tuple[datetime, int] = (datetime(1, 1, 1, tzinfo=UTC), 0)
    while most > 0:
        page = await rows(_SELECT_AHEAD, organization_id, end, *after, min(_PAGE, most))
        if page:
            yield page
        if len(page) < _PAGE:
            return
        most -= len(page)
        after = (page[-1]["due_at"], page[-1]["case_step_id"])


async def _count_rest(
    organization: Organization, end: datetime, after: tuple[datetime, int], today: date
) -> list[tuple[date, int]]:
    counted = await rows(_COUNT_AHEAD, organization.id, end, *after, organization.time_zone)
    return [(max(row["day"], today), row["n"]) for row in counted]


async def _add_scheduled(
    result: Forecast, organization: Organization, zone: ZoneInfo, now: datetime, end: datetime
) -> None:
    """Add what has been planned already and waits for its moment."""
    for row in await rows(_SUM_SCHEDULED, organization.id, end, organization.time_zone):
        day = max(row["day"], now.astimezone(zone).date())
        stopped = _obstacle(row)
        if stopped is not None:
            result.keep(day, stopped, count=row["n"])
        else:
            cost = Cost(row["cost"], row["currency"]) if row["currency"] is not None else None
            result.send(day, CommunicationMethod(row["method"]), cost, count=row["n"])


async def _prices(organization_id: int) -> dict[str, SegmentPrice]:
    return {listed.country: listed.price for listed in await prices_of([organization_id])}


_SELECT_AHEAD = f"""
SELECT {STEP_COLUMNS}, c.state AS case_state
FROM case_step s JOIN collection_case c ON c.id = s.case_id {STEP_JOINS}
WHERE s.organization_id = $1 AND s.state = 'PENDING' AND s.due_at < $2 AND (s.due_at, s.id) > ($3, $4)
ORDER BY s.due_at, s.id LIMIT $5
"""

_COUNT_AHEAD = """
SELECT (due_at AT TIME ZONE $5)::date AS day, count(*) AS n FROM case_step
WHERE organization_id = $1 AND state = 'PENDING' AND due_at < $2 AND (due_at, id) > ($3, $4) GROUP BY 1
"""

_SUM_SCHEDULED = """
SELECT (r.scheduled_for AT TIME ZONE $3)::date AS day, r.method, r.estimated_cost_currency AS currency,
       c.state AS case_state, i.status AS integration_status,
       CASE WHEN customer.sms_opted_out_at IS NOT NULL THEN true END AS sms_opted_out_at,
       count(*) AS n, sum(r.estimated_cost) AS cost
FROM integration i JOIN reminder r ON r.integration_id = i.id
JOIN collection_case c ON c.id = r.case_id JOIN customer ON customer.id = c.customer_id
WHERE i.organization_id = $1 AND r.status = 'SCHEDULED' AND r.scheduled_for < $2
GROUP BY 1, 2, 3, 4, 5, 6
"""
