"""What documents of at most 10 kB cost that are written to cost much, each beside the plain page query, over HTTP.

Some are refused, some run as dear as they may be; none was ever sent before, so that nothing about it is known.
"""

import json
import time
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice

from bench.cases import Organization, an_organization, schedule_many
from bench.effort import Effort
from bench.hostile_documents import HOSTILE
from bench.load import Connection, connections, graphql_request
from bench.measure import Beside, Line, Unit, alternate
from bench.processes import Server, an_api
from bench.world import World
from dunlin.api.ids import encode_id

NAME = "hostile"

_ROUNDS = {Effort.SMALLEST: 1, Effort.QUICK: 1, Effort.FULL: 5}
_DOCUMENTS = {Effort.SMALLEST: 3, Effort.QUICK: len(HOSTILE), Effort.FULL: len(HOSTILE)}
_REMINDERS = {Effort.SMALLEST: 50, Effort.QUICK: 2_000, Effort.FULL: 2_000}
_SHOWN = 3
_LONGEST = 10_000
_PAGE = """query ($id: ID!) { organization(id: $id) { reminders(first: 20) { nodes {
  status scheduledFor case { number customer { name } } } } } }"""


async def measure(world: World, effort: Effort) -> list[Line]:
    """Return the worst documents, the worst first."""
    async with world.database() as services, an_api(services) as api:
        organization = await an_organization(services)
        await schedule_many(services, organization, _REMINDERS[effort])
        async with connections(api.address, 1) as (connection,):
            asker = _Asker(api, connection, organization)
            await asker.ask(_PAGE)
            lines = [
                await _line(asker, name, text, _ROUNDS[effort])
                for name, text in islice(HOSTILE.items(), _DOCUMENTS[effort])
            ]
    return sorted(lines, key=lambda line: -(line.ratio or 0))[:_SHOWN]


@dataclass(frozen=True, slots=True)
class _Asker:
    api: Server
    connection: Connection
    organization: Organization
    codes: dict[str, str] = field(default_factory=dict)  # of the first error, by document
    _number: "count[int]" = field(default_factory=count)

    async def ask(self, text: str) -> float:
        """Return the milliseconds that a document took which nobody has sent before."""
        organization_id = encode_id("Organization", self.organization.id)
        sent = f"#{next(self._number)}\n" + text.replace("ORGANIZATION", organization_id)
        assert len(sent) <= _LONGEST + 100, len(sent)
        variables = {"id": organization_id} if "$id:" in sent else {}
        asked = graphql_request(self.api.address, self.organization.token, sent, variables)
        began = time.perf_counter()
        answer = await self.connection.ask(asked)
        took = time.perf_counter() - began
        errors = json.loads(answer.body).get("errors")
        self.codes[text] = errors[0]["extensions"]["code"] if errors else "OK"
        return took * 1_000


async def _line(asker: _Asker, name: str, text: str, rounds: int) -> Line:
    figures = await alternate(rounds, {"page": partial(asker.ask, _PAGE), "hostile": partial(asker.ask, text)})
    page = Beside("plain page query", figures["page"])
    what = f"{name} ({asker.codes[text]})"
    return Line(NAME, f"1 of {len(HOSTILE)}", what, figures["hostile"], Unit.MILLISECONDS, page)
