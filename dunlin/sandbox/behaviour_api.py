"""Reading and changing how the sandbox behaves, while it runs."""

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dunlin.sandbox.behaviour import BehaviourRefused, changed
from dunlin.sandbox.exchange import read_body
from dunlin.sandbox.world import World


class BehaviourApi:
    """`GET /sandbox/behaviour` and `PUT`, which changes what it names and starts the seed again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.routes = [
            Route("/sandbox/behaviour", self.fetch_behaviour, methods=["GET"]),
            Route("/sandbox/behaviour", self.change_behaviour, methods=["PUT"]),
        ]

    async def fetch_behaviour(self, _: Request) -> Response:
        return JSONResponse(self._world.behaviour.model_dump())

    async def change_behaviour(self, request: Request) -> Response:
        try:
            wanted = orjson.loads(await read_body(request))
        except orjson.JSONDecodeError:
            return JSONResponse({"error": "the body is not JSON"}, 400)
        if not isinstance(wanted, dict):
            return JSONResponse({"error": "the body must be a JSON object"}, 400)
        try:
            self._world.behave(changed(self._world.behaviour, wanted))
        except BehaviourRefused as e:
            return JSONResponse({"error": str(e), "faults": e.faults}, 400)
        return await self.fetch_behaviour(request)
