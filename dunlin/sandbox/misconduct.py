"""The bad answers that the sandbox gives on demand."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dunlin.sandbox.behaviour import Behaviour, Fault
from dunlin.sandbox.exchange import refusal_answer
from dunlin.sandbox.refusal import Refusal

_BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_NOT_JSON = "<html><body>Created, but not in words that a program expects</body></html>"


async def faulty_answer(fault: Fault, request: Request, behaviour: Behaviour) -> Response:
    """Answer `request` wrongly. A hang lasts until the client has gone."""
    match fault:
        case Fault.THROTTLE:
            wait = behaviour.retry_after_s
            return refusal_answer(Refusal(20429, {} if wait is None else {"Retry-After": str(wait)}))
        case Fault.HTML_502:
            return HTMLResponse(_BAD_GATEWAY, 502)
        case Fault.ERROR_500_AFTER_ACCEPTING:
            return refusal_answer(Refusal(20500))
        case Fault.HTML_201_AFTER_ACCEPTING:
            return HTMLResponse(_NOT_JSON, 201)
        case Fault.RESET_AFTER_ACCEPTING:
            _reset_connection(request)
            return await _silence(request)
        case Fault.HANG:
            return await _silence(request)


async def _silence(request: Request) -> Response:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


def _reset_connection(request: Request) -> None:
    # ASGI has no word for this. Uvicorn's `receive` is a method of the object that owns the connection.
    request.receive.__self__.transport.abort()  # type: ignore[attr-defined]
