"""The limit of a page: a route that runs one statement, which builds the very JSON that Dunlin answers with.

With ?offset=N it is what one would write for pages that lie deep.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dunlin.runtime.settings import read_settings

_PAGE = """
SELECT json_build_object('data', json_build_object('organization', json_build_object('reminders', json_build_object(
  'nodes', coalesce(json_agg(json_build_object(
    'id', encode(convert_to('Reminder:' || r.id, 'UTF8'), 'base64'),
    'status', r.status,
    'scheduledFor', to_char(r.scheduled_for AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
    'to', r."to",
    'text', r.text,
    'case', json_build_object(
      'id', encode(convert_to('CollectionCase:' || c.id, 'UTF8'), 'base64'),
      'number', c.number,
      'state', c.state,
      'dueOn', c.due_on,
      'amountDue', json_build_object(
        'amount', CASE WHEN scale(trim_scale(c.amount_due)) < 2 THEN round(c.amount_due, 2)
          ELSE trim_scale(c.amount_due) END::text,
        'currency', c.currency),
      'customer', json_build_object(
        'id', encode(convert_to('Customer:' || customer.id, 'UTF8'), 'base64'),
        'name', customer.name,
        'phone', customer.phone))) ORDER BY r.id DESC) FILTER (WHERE place <= 50), '[]'),
  'pageInfo', json_build_object(
    'hasNextPage', count(*) > 50,
    'endCursor', translate(encode(convert_to('reminders:' || $1::bigint || ':' || min(r.id) FILTER (WHERE place <= 50),
      'UTF8'), 'base64'), '+/', '-_')))))) ::text
FROM (SELECT *, row_number() OVER (ORDER BY id DESC) AS place
      FROM (SELECT * FROM reminder WHERE organization_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 51) newest) r
JOIN collection_case c ON c.id = r.case_id
JOIN customer ON customer.id = c.customer_id
"""


async def page(request: Request) -> Response:
    pool: asyncpg.Pool = request.app.state.pool
    offset = int(request.query_params.get("offset", "0"))
    built = await pool.fetchval(_PAGE, int(request.path_params["id"]), offset)
    return Response(built, media_type="application/json")


async def ready(request: Request) -> Response:
    return Response()


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(read_settings().database_url, min_size=10, max_size=10) as app.state.pool:
        yield


app = Starlette(routes=[Route("/page/{id}", page), Route("/ready", ready)], lifespan=_lifespan)
