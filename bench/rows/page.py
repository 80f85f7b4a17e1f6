"""A page of 50 reminders with case and customer, over HTTP, of one API process, several clients at once.

All three answer the same, which is checked. The limit is one SQL statement that builds the JSON, behind a bare route.
"""

from functools import partial

from bench.cases import an_organization, schedule_many
from bench.effort import Effort, Sizes
from bench.load import rate
from bench.measure import AtLeast, Beside, Line, Unit, alternate, growth, inverse
from bench.page_query import bare_page_request, page_of, page_request
from bench.processes import a_server, an_api, together
from bench.world import World
from dunlin.domain.store import rows

NAME = "page"
AT_ONCE = 8

_SIZES = Sizes(smallest=[60], quick=[1_000, 10_000], full=[1_000, 10_000, 100_000])
_REQUESTS = {Effort.SMALLEST: 4, Effort.QUICK: 60, Effort.FULL: 200}


async def measure(world: World, effort: Effort) -> list[Line]:
    sizes, count = _SIZES.of(effort), _REQUESTS[effort]
    async with (
        world.database() as services,
        together(an_api(services), a_server("page_sql", services), a_server("page_strawberry", services)) as servers,
    ):
        api, bare, other = servers
        organizations = {}
        for size in sizes:
            organizations[size] = await an_organization(services)
            await schedule_many(services, organizations[size], size)
        await rows("UPDATE reminder SET scheduled_for = '2026-01-15 08:00:00.123456+00'")
        await rows("VACUUM ANALYZE")
        largest = organizations[sizes[-1]]
        asked = {
            "limit": (bare, bare_page_request(bare, largest)),
            "other": (other, page_request(other, largest)),
            **{f"dunlin {size}": (api, page_request(api, organizations[size])) for size in sizes},
        }
        pages = [await page_of(*asked[key]) for key in ("limit", "other", f"dunlin {sizes[-1]}")]
        assert pages[0] == pages[1] == pages[2], "all answer the same"
        acts = {
            key: partial(rate, server.address, [sent] * count, concurrency=AT_ONCE, status=200)
            for key, (server, sent) in asked.items()
        }
        figures = await alternate(_SIZES.rounds(effort), acts)
    ours, stored = figures[f"dunlin {sizes[-1]}"], f"of {sizes[-1]:,}"
    limit, written = Beside("one SQL statement", figures["limit"]), Beside("Strawberry, Tortoise", figures["other"])
    return [
        Line(NAME, stored, "50 reminders", ours, Unit.PER_SECOND, limit, AtLeast(0.45)),
        Line(NAME, stored, "50 reminders", ours, Unit.PER_SECOND, written, AtLeast(5)),
        *growth(NAME, "page", {size: inverse(figures[f"dunlin {size}"]) for size in sizes}),
    ]
