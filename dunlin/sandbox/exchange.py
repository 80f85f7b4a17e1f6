"""Requests read within limits, and answers in Twilio's shape."""

import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from dunlin.sandbox.refusal import Refusal

_LONGEST_BODY = 64 * 1024
_CODE_OF_STATUS = {404: 20404, 405: 20004}


async def read_body(request: Request) -> bytes:
    """Return the body, or raise 20413 as soon as it is longer than 64 kB."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise Refusal(20413, limit=str(_LONGEST_BODY))
    return body


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; of a repeated one the last. What is not UTF-8 becomes U+FFFD."""
    body = await read_body(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/x-www-form-urlencoded":
        raise Refusal(20415)
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def is_from_elsewhere(request: Request) -> bool:
    """Return whether a page of another site sent this: any page could send the outbox's forms, too."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def answer(content: object, status: int = 200) -> JSONResponse:
    """Return a JSON answer with a request id, which Twilio's support would ask for."""
    return JSONResponse(content, status, {"Twilio-Request-Id": f"RQ{secrets.token_hex(16)}"})


def refusal_answer(refusal: Refusal) -> Response:
    """Return a refusal as Twilio words it."""
    content = {
        "code": refusal.code,
        "message": refusal.sentence,
        "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
        "status": refusal.http_status,
    }
    response = answer(content, refusal.http_status)
    response.headers.update(refusal.headers)
    return response


async def on_refusal(_: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return refusal_answer(error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer for an unknown path or method as for any other refusal."""
    if not isinstance(error, HTTPException) or error.status_code not in _CODE_OF_STATUS:
        raise error
    return refusal_answer(Refusal(_CODE_OF_STATUS[error.status_code], error.headers, path=request.url.path))


async def on_disconnect(_: Request, error: Exception) -> Response:
    """Say nothing to a client that has gone before the end of its own request."""
    if not isinstance(error, ClientDisconnect):
        raise error
    return Response(status_code=400)
