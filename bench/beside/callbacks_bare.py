"""The limit of callbacks: a route that reads the form and checks the signature, and stores nothing."""

from urllib.parse import parse_qsl

from multidict import MultiDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from bench.account import CREDENTIALS, PUBLIC_URL

_validator = RequestValidator(CREDENTIALS.auth_token)


async def take(request: Request) -> Response:
    form = MultiDict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    signature = request.headers["x-twilio-signature"]
    if not _validator.validate(PUBLIC_URL + request.url.path, form, signature):
        return Response(status_code=403)
    return Response(status_code=204)


async def ready(request: Request) -> Response:
    return Response()


app = Starlette(routes=[Route("/webhooks/twilio/{correlation}", take, methods=["POST"]), Route("/ready", ready)])
