"""Pages far behind the first, over HTTP: by a cursor, and by OFFSET in one SQL statement behind a bare route."""

from functools import partial

from bench.cases import Organization, an_organization, schedule_many
from bench.effort import Effort, Sizes
from bench.load import rate
from bench.measure import AtMost, Beside, Line, Unit, alternate, growth, inverse
from bench.page_query import PAGE_SIZE, bare_page_request, page_of, page_request
from bench.processes import Server, a_server, an_api, together
from bench.world import World
from dunlin.api.pages import Order
from dunlin.domain.store import rows

NAME = "deep-page"

_STORED = {Effort.SMALLEST: 250, Effort.QUICK: 50_000, Effort.FULL: 1_000_000}
_PAGES = Sizes(smallest=[1, 5], quick=[1, 10, 1_000], full=[1, 100, 1_000, 10_000])
_REQUESTS = {Effort.SMALLEST: 3, Effort.QUICK: 20, Effort.FULL: 50}
_BY_OFFSET = 10  # of these, fewer: one takes a second


async def measure(world: World, effort: Effort) -> list[Line]:
    stored, pages, count = _STORED[effort], _PAGES.of(effort), _REQUESTS[effort]
    async with world.database() as services, together(an_api(services), a_server("page_sql", services)) as (api, bare):
        organization = await an_organization(services)
        await schedule_many(services, organization, stored)
        await rows("UPDATE reminder SET scheduled_for = scheduled_for + interval '1 microsecond' WHERE id < 200")
        await rows("VACUUM ANALYZE")
        asked = {page: await _request(api, organization, page) for page in pages}
        by_offset = {page: bare_page_request(bare, organization, (page - 1) * PAGE_SIZE) for page in pages}
        nodes = [(await page_of(api, asked[page]))["nodes"] for page in (1, pages[-1])]
        assert nodes[1] == (await page_of(bare, by_offset[pages[-1]]))["nodes"] != nodes[0]
        acts = {("cursor", page): partial(_rate, api, sent, count) for page, sent in asked.items()}
        few = min(count, _BY_OFFSET)
        acts |= {("offset", page): partial(_rate, bare, sent, few) for page, sent in by_offset.items()}
        figures = await alternate(_PAGES.rounds(effort), acts)
    size, last = f"of {stored:,}", pages[-1]
    lines = []
    for way, what, reach in (("cursor", "by its cursor", AtMost(1.2)), ("offset", "by OFFSET, one statement", None)):
        first, deep = ([1_000 / one for one in figures[(way, page)]] for page in (1, last))
        beside = Beside("page 1 so", first)
        lines.append(Line(NAME, size, f"page {last:,} {what}", deep, Unit.MILLISECONDS, beside, reach))
    return [*lines, *growth(NAME, "page", {page: inverse(figures[("cursor", page)]) for page in pages})]


async def _request(api: Server, organization: Organization, page: int) -> bytes:
    """Return the request for a page behind the cursor of the entry before it; ids of one organization have no gaps."""
    if page == 1:
        return page_request(api, organization)
    newest: int = (await rows("SELECT max(id) AS id FROM reminder"))[0]["id"]
    after = Order("reminders").of(organization.id).cursor(newest - (page - 1) * PAGE_SIZE + 1)
    return page_request(api, organization, after)


async def _rate(server: Server, sent: bytes, count: int) -> float:
    return await rate(server.address, [sent] * count, concurrency=1, status=200)
