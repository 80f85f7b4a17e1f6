"""Forecast what goes out in the next days, by the rules that will decide about it. Nothing is changed.

All organizations that are asked about are forecast together, by as many statements as one of them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
from dunlin.domain.rules.plan import Remind, Skip
from dunlin.domain.rules.price import Cost, estimate
from dunlin.domain.rules.recipient import Recipient, kind_of
from dunlin.domain.store import rows
from dunlin.domain.tables import Organization
from dunlin.domain.viewer import Viewer

MOST_STEPS = 5_000  # of all forecasts of one request; about a second and a half
_PAGE = 500  # of one organization
_SLICE = 20  # what is decided before others get their turn


async def forecasts(
    viewer: Viewer, organizations: Sequence[Organization], days: int, now: datetime, *, most_steps: int = MOST_STEPS
) -> list[Forecast]:
    """Return a forecast of each organization for `days` days from today on, on its own calendar.

    The steps due first are decided about, `most_steps` at most of all organizations together, each of which has the
    same share; those after them are only counted. What the future brings besides is not known: payments, new cases,
    other texts, another policy.
    """
    viewer.require(Permission.READ)
    if not organizations:
        return []
    prices = await _prices([organization.id for organization in organizations])
    contacts: dict[int, Contacts] = {}
    foreseers = {one.id: _Foreseer(one, days, prices[one.id], contacts, now) for one in organizations}
    await _add_scheduled(foreseers)
    share = max(1, most_steps // len(organizations))
    looked_at, ahead = 0, foreseers
    while ahead and looked_at < share:
        size = min(_PAGE, share - looked_at)
        found = await _read_ahead(ahead, size)
        await _add_contacts(contacts, found, now)
        for organization_id, steps in found.items():
            await foreseers[organization_id].foresee(steps)
        ahead = {one: foreseers[one] for one, steps in found.items() if len(steps) == size}
        looked_at += size
    await _count_rest(ahead)
    return [foreseers[organization.id].result for organization in organizations]


class _Foreseer:
    """Decides about the steps of one organization that are ahead, as planning will when they are due."""

    def __init__(
        self,
        organization: Organization,
        days: int,
        prices: Mapping[str, SegmentPrice],
        contacts: dict[int, Contacts],
        now: datetime,
    ) -> None:
        self.zone = ZoneInfo(organization.time_zone)
        self.today = now.astimezone(self.zone).date()
        self.end = datetime.combine(self.today + timedelta(days=days), time.min, self.zone).astimezone(UTC)
        self.result = Forecast(self.today, days)
        self.last: tuple[datetime, int] = (datetime(1, 1, 1, tzinfo=UTC), 0)  # the step that was looked at last
        self._prices = prices
        self._now = now
        self._contacts = contacts
        self._delays: defaultdict[int, int] = defaultdict(int)  # days by which the later steps of a case move

    async def foresee(self, page: Sequence[dict[str, Any]]) -> None:
        for place, row in enumerate(page):
            self._foresee(row, due_of(row, self._now))
            if place % _SLICE == 0:
                await asyncio.sleep(0)
        self.last = (page[-1]["due_at"], page[-1]["case_step_id"])

    def _foresee(self, row: dict[str, Any], due: Due) -> None:
        moment = self._moment(row, due)
        contacts = self._contacts.setdefault(due.customer_id, Contacts())
        step = replace(due.step, others=contacts.all_from(self._now))
        outcome = decide_one(replace(due, step=step), moment)
        if isinstance(outcome, Skip):
            self.result.keep(self._day(moment), outcome.findings[-1])
            return
        stopped = _obstacle(step.recipient, row)
        if stopped is not None:
            self.result.keep(self._day(moment), stopped)
            return
        contacts.planned[due.case_step_id] = outcome.scheduled_for
        cost = self._cost(outcome)
        self.result.send(self._day(outcome.scheduled_for), step.communication_method, cost)

    def _cost(self, remind: Remind) -> Cost | None:
        if remind.encoded is None:
            return None
        return estimate(self._prices.get(country_of(remind.to) or ""), remind.encoded.segments)

    def _moment(self, row: dict[str, Any], due: Due) -> datetime:
        """Return when the step will be decided about: late ones now, and those after a late one as much later."""
        local: datetime = row["due_at"].astimezone(self.zone)
        moment = (local + timedelta(days=self._delays[due.case_id])).astimezone(UTC)
        self._delays[due.case_id] += due.days_late
        return max(moment, self._now)

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()


def _obstacle(recipient: Recipient, row: dict[str, Any]) -> Finding | None:
    """Return what stands in the way of a reminder of a row, as it would when it is handed over."""
    looked_at = look_at_customer_and_case(
        recipient,
        needs_attention=row["integration_status"] == IntegrationStatus.NEEDS_ATTENTION,
        case_state=CaseState(row["case_state"]),
    )
    return next((finding for finding in looked_at if finding.outcome is not CheckOutcome.PASSED), None)


async def _read_ahead(foreseers: Mapping[int, _Foreseer], most: int) -> dict[int, list[dict[str, Any]]]:
    """Return the steps that follow, soonest first, at most so many of each organization; none where there are none."""
    pages: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in await rows(_SELECT_AHEAD, *_behind_last(foreseers), most):
        pages[row["organization_id"]].append(row)
    return pages


async def _add_contacts(
    contacts: dict[int, Contacts], pages: Mapping[int, Sequence[dict[str, Any]]], now: datetime
) -> None:
    customers = {row["customer_id"] for page in pages.values() for row in page if limits_of(row).are_set}
    contacts.update(await contacts_of(customers - contacts.keys(), now))


async def _count_rest(foreseers: Mapping[int, _Foreseer]) -> None:
    """Count what was not looked at."""
    if not foreseers:
        return
    zones = [foreseer.zone.key for foreseer in foreseers.values()]
    for row in await rows(_COUNT_AHEAD, *_behind_last(foreseers), zones):
        foreseer = foreseers[row["organization_id"]]
        foreseer.result.pass_over([(max(row["day"], foreseer.today), row["n"])])


def _behind_last(foreseers: Mapping[int, _Foreseer]) -> list[list[object]]:
    each = [(one, foreseer.end, *foreseer.last) for one, foreseer in foreseers.items()]
    return [list(column) for column in zip(*each, strict=True)]


async def _add_scheduled(foreseers: Mapping[int, _Foreseer]) -> None:
    """Add what has been planned already and waits for its moment."""
    each = [(one, foreseer.end, foreseer.zone.key) for one, foreseer in foreseers.items()]
    for row in await rows(_SUM_SCHEDULED, *(list(column) for column in zip(*each, strict=True))):
        foreseer = foreseers[row["organization_id"]]
        day = max(row["day"], foreseer.today)
        method = CommunicationMethod(row["method"])
        stopped = _obstacle(Recipient(kind_of(method), None, opted_out=row["opted_out"]), row)
        if stopped is not None:
            foreseer.result.keep(day, stopped, count=row["n"])
        else:
            cost = Cost(row["cost"], row["currency"]) if row["currency"] is not None else None
            foreseer.result.send(day, method, cost, count=row["n"])


async def _prices(organization_ids: Sequence[int]) -> Mapping[int, Mapping[str, SegmentPrice]]:
    prices: dict[int, dict[str, SegmentPrice]] = {one: {} for one in organization_ids}
    for listed in await prices_of(organization_ids):
        prices[listed.organization_id][listed.country] = listed.price
    return prices


_SELECT_AHEAD = f"""
SELECT {STEP_COLUMNS}, c.state AS case_state
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::bigint[]) AS a(organization_id, until, due_at, id)
CROSS JOIN LATERAL (
  SELECT * FROM case_step s
  WHERE s.organization_id = a.organization_id AND s.state = 'PENDING' AND s.due_at < a.until
    AND (s.due_at, s.id) > (a.due_at, a.id)
  ORDER BY s.due_at, s.id LIMIT $5
) s
JOIN collection_case c ON c.id = s.case_id {STEP_JOINS}
ORDER BY s.due_at, s.id
"""

_COUNT_AHEAD = """
SELECT a.organization_id, (s.due_at AT TIME ZONE a.zone)::date AS day, count(*) AS n
FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::text[])
  AS a(organization_id, until, due_at, id, zone)
JOIN case_step s ON s.organization_id = a.organization_id AND s.state = 'PENDING' AND s.due_at < a.until
  AND (s.due_at, s.id) > (a.due_at, a.id)
GROUP BY 1, 2
"""

_SUM_SCHEDULED = """
SELECT a.organization_id, (r.scheduled_for AT TIME ZONE a.zone)::date AS day, r.method,
       r.estimated_cost_currency AS currency, c.state AS case_state, i.status AS integration_status,
       CASE r.method WHEN 'EMAIL' THEN customer.email_opted_out_at ELSE customer.sms_opted_out_at END IS NOT NULL
         AS opted_out,
       count(*) AS n, sum(r.estimated_cost) AS cost
FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS a(organization_id, until, zone)
JOIN integration i ON i.organization_id = a.organization_id JOIN reminder r ON r.integration_id = i.id
JOIN collection_case c ON c.id = r.case_id JOIN customer ON customer.id = c.customer_id
WHERE r.status = 'SCHEDULED' AND r.scheduled_for < a.until
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""
