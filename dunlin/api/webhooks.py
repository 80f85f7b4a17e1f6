"""Where carriers report: `POST /webhooks/twilio/{correlation}`, and where they bring what people answer:
`POST /webhooks/twilio/inbound/{key}`.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from urllib.parse import parse_qsl
from uuid import UUID

import structlog
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dunlin.api.errors import ErrorCode
from dunlin.api.metrics import Metrics
from dunlin.api.report_recorder import ReportRecorder
from dunlin.api.transport.body_limit import BodyLimit
from dunlin.api.transport.refused import Refused, refusal
from dunlin.domain.actions.receive_text import SealedKeys, find_inbound_address, receive_text
from dunlin.domain.actions.record_reports import Reported, ReportedAttempt, find_attempts
from dunlin.domain.carrier import ForgedCallback, MalformedCallback, TextReceived, TwilioCredentials
from dunlin.domain.choices import IntegrationProvider
from dunlin.domain.vault import BrokenSeal
from dunlin.runtime.gathered import Gathered
from dunlin.runtime.wiring import Services

_MAX_REPORT = 16 * 1024
_MAX_TEXT = 64 * 1024  # 1,600 characters of up to 12 bytes each, and the addresses of pictures
_CORRELATION = re.compile(r"[A-Za-z0-9_-]{43}")
_FORM = "application/x-www-form-urlencoded"

# Whose signature is looked for at an address that is nobody's, so that it costs what any forgery costs.
_NOBODY = TwilioCredentials("AC" + "0" * 32, secrets.token_hex(16))

# What Twilio is to answer to a text: nothing. It answers STOP, START and HELP by itself.
_NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

Fields = Sequence[tuple[str, str]]

log = structlog.get_logger()


def webhook_routes(services: Services, metrics: Metrics) -> list[BaseRoute]:
    webhooks = _Webhooks(services, metrics)
    return [
        Route(
            "/webhooks/twilio/{correlation}",
            webhooks.status,
            methods=["POST"],
            middleware=[Middleware(BodyLimit, largest=_MAX_REPORT)],
        ),
        Route(
            "/webhooks/twilio/inbound/{key}",
            webhooks.inbound,
            methods=["POST"],
            middleware=[Middleware(BodyLimit, largest=_MAX_TEXT)],
        ),
    ]


class _Webhooks:
    """Takes what Twilio calls back. One per process."""

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._attempts = Gathered(find_attempts)
        self._reports = ReportRecorder(services.store)

    async def status(self, request: Request) -> Response:
        """204 once the report is committed; 403 for what this account did not sign; 400 for what is no report."""
        return await _taken(request, partial(self._record, request), partial(self._metrics.count_callback, "status"))

    async def inbound(self, request: Request) -> Response:
        """An empty answer once the text is committed; 403 for what is not signed; 400 for what is no text."""
        return await _taken(request, partial(self._receive, request), partial(self._metrics.count_callback, "text"))

    async def _record(self, request: Request, fields: Fields) -> Response:
        correlation: str = request.path_params["correlation"]
        attempt = await self._attempts.get(correlation) if _CORRELATION.fullmatch(correlation) else None
        report = self._services.channels.texting[IntegrationProvider.TWILIO].read_callback(
            _path_and_query(request), fields, _signature(request), self._credentials(attempt)
        )
        if attempt is None:
            raise ForgedCallback
        await self._reports.record(attempt.organization_id, Reported(correlation, report))
        return Response(status_code=204)

    async def _receive(self, request: Request, fields: Fields) -> Response:
        key = _uuid(request.path_params["key"])
        address = await find_inbound_address(key) if key is not None else None
        received = self._read_inbound(address.keys if address is not None else (), request, fields)
        if address is None:
            raise ForgedCallback
        await receive_text(self._services.store, address, received, datetime.now(UTC))
        return Response(_NO_REPLY, media_type="text/xml")

    def _read_inbound(self, accounts: Sequence[SealedKeys], request: Request, fields: Fields) -> TextReceived:
        """Return the text if one of an address's accounts has signed it; raise what reading the last one raised."""
        failure: Exception = ForgedCallback()
        for keys in accounts or (None,):
            try:
                return self._services.channels.texting[IntegrationProvider.TWILIO].read_inbound(
                    _path_and_query(request), fields, _signature(request), self._credentials(keys)
                )
            except (BrokenSeal, ForgedCallback) as error:
                failure = error
        raise failure

    def _credentials(self, keys: ReportedAttempt | SealedKeys | None) -> TwilioCredentials:
        """Open the keys that a signature is looked for with; for an address that is nobody's, those of nobody."""
        if keys is None:
            return _NOBODY
        credentials = self._services.vault.open(keys.sealed_credentials, organization_id=keys.organization_id)
        return credentials if isinstance(credentials, TwilioCredentials) else _NOBODY


async def _taken(
    request: Request, take: Callable[[Fields], Awaitable[Response]], count: Callable[[str], None]
) -> Response:
    """Return what `take` makes of the form that was sent, or say what is wrong with it; count which it was."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        count("unreadable")
        return _refused(request, 400, ErrorCode.BAD_USER_INPUT, f"A callback is sent as {_FORM}.")
    try:
        fields = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        count("unreadable")
        return _refused(request, 400, ErrorCode.BAD_USER_INPUT, "The form cannot be read.")
    try:
        answer = await take(fields)
    except BrokenSeal as error:
        log.error("cannot open credentials", reason=str(error))
        count("unavailable")
        return _refused(request, 503, ErrorCode.INTERNAL, "This callback cannot be checked now.")
    except ForgedCallback:
        log.warning("callback refused")
        count("forged")
        return _refused(request, 403, ErrorCode.FORBIDDEN, "This callback is not signed by the account it is about.")
    except MalformedCallback as error:
        count("malformed")
        return _refused(request, 400, ErrorCode.BAD_USER_INPUT, str(error))
    count("taken")
    return answer


def _refused(request: Request, status: int, code: ErrorCode, message: str) -> Response:
    return refusal(request, Refused(status, code, message))


def _signature(request: Request) -> str:
    return request.headers.get("x-twilio-signature", "")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _path_and_query(request: Request) -> str:
    """Return what was signed behind the public address, byte for byte as it came."""
    raw_path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return raw_path.decode() + ("?" + query.decode() if query else "")
