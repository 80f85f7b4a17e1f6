"""Where carriers report: `POST /webhooks/twilio/{correlation}`."""

import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import structlog
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dunlin.api.body_limit import BodyLimit
from dunlin.api.endpoint import error_response
from dunlin.api.errors import ErrorCode
from dunlin.domain.actions.record import find_attempt, record_report
from dunlin.domain.carrier import ForgedCallback, MalformedCallback
from dunlin.domain.choices import IntegrationProvider
from dunlin.domain.vault import BrokenSeal
from dunlin.runtime.wiring import Services

_MAX_BODY = 16 * 1024
_CORRELATION = re.compile(r"[A-Za-z0-9_-]{43}")
_FORM = "application/x-www-form-urlencoded"

log = structlog.get_logger()


def webhook_routes(services: Services) -> list[BaseRoute]:
    async def twilio_status(request: Request) -> Response:
        """204 once the report is committed; 403 for what this account did not sign; 400 for what is no report."""
        correlation: str = request.path_params["correlation"]
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
            return error_response(400, ErrorCode.BAD_USER_INPUT, f"A status callback is sent as {_FORM}.")
        attempt = await find_attempt(correlation) if _CORRELATION.fullmatch(correlation) else None
        if attempt is None:
            return _forged()
        try:
            credentials = services.vault.open(attempt.sealed_credentials, organization_id=attempt.organization_id)
            report = services.channels[IntegrationProvider.TWILIO].read_callback(
                _path_and_query(request),
                parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=100),
                request.headers.get("x-twilio-signature", ""),
                credentials,
            )
        except BrokenSeal:
            log.error("cannot open credentials", organization=attempt.organization_id)
            return error_response(503, ErrorCode.INTERNAL, "This callback cannot be checked now.")
        except ForgedCallback:
            return _forged()
        except (MalformedCallback, ValueError) as error:
            message = str(error) if isinstance(error, MalformedCallback) else "The form cannot be read."
            return error_response(400, ErrorCode.BAD_USER_INPUT, message)
        await record_report(services.store, correlation, report, datetime.now(UTC))
        return Response(status_code=204)

    limit = Middleware(BodyLimit, largest=_MAX_BODY)
    return [Route("/webhooks/twilio/{correlation}", twilio_status, methods=["POST"], middleware=[limit])]


def _path_and_query(request: Request) -> str:
    """Return what was signed behind the public address, byte for byte as it came."""
    raw_path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return raw_path.decode() + ("?" + query.decode() if query else "")


def _forged() -> Response:
    log.warning("callback refused")
    return error_response(403, ErrorCode.FORBIDDEN, "This callback is not signed by the account it is about.")
