"""A carrier that only answers: every POST is taken after 20 ms. Run as `python -m bench.carrier PORT`."""

import asyncio
import itertools
import sys

from aiohttp import web

ANSWER_AFTER_S = 0.02

_numbers = itertools.count(1)


async def take(request: web.Request) -> web.Response:
    await request.read()
    await asyncio.sleep(ANSWER_AFTER_S)
    return web.json_response({"sid": f"SM{next(_numbers):032x}", "status": "queued"}, status=201)


def main() -> None:
    app = web.Application()
    app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", take)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
