"""What comes back of e-mails: `POST /webhooks/email/bounces` takes what arrives at the bounce address, and
`/unsubscribe/{correlation}` is the address in each e-mail's List-Unsubscribe header (RFC 8058).
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dunlin.api.errors import ErrorCode
from dunlin.api.metrics import Metrics
from dunlin.api.report_recorder import ReportRecorder
from dunlin.api.transport.body_limit import BodyLimit
from dunlin.api.transport.refused import Refused, refusal
from dunlin.api.unsubscribe_page import done_page, question_page, unknown_page
from dunlin.domain.actions.record_reports import Reported
from dunlin.domain.actions.unsubscribe import SentMail, find_mail, unsubscribe
from dunlin.domain.carrier import Bounce, MalformedCallback
from dunlin.domain.choices import IntegrationProvider
from dunlin.runtime.wiring import Services

_MAX_MAIL = 1024 * 1024
_MAX_FORM = 16 * 1024
_CORRELATION = re.compile(r"[A-Za-z0-9_-]{43}")


def mail_routes(services: Services, metrics: Metrics) -> list[BaseRoute]:
    mails = _Mails(services, metrics)
    return [
        Route(
            "/webhooks/email/bounces",
            mails.bounced,
            methods=["POST"],
            middleware=[Middleware(BodyLimit, largest=_MAX_MAIL)],
        ),
        Route(
            "/unsubscribe/{correlation}",
            mails.unsubscribe,
            methods=["GET", "POST"],
            middleware=[Middleware(BodyLimit, largest=_MAX_FORM)],
        ),
    ]


class _Mails:
    """Takes what comes back of e-mails. One per process.

    The correlation is the key, as unguessable as a signature: it stands in the e-mail and nowhere else, so that only
    who handled that e-mail can say something of it.
    """

    def __init__(self, services: Services, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._reports = ReportRecorder(services.store)

    async def bounced(self, request: Request) -> Response:
        """204 once what a mail says of ours is committed, also where it says nothing; 400 for what is no mail."""
        channel = self._services.channels.mail[IntegrationProvider.SMTP]
        try:
            # A hostile mail takes a second or so to read, which must be nobody else's.
            bounces = await asyncio.to_thread(channel.read_bounce, await request.body())
        except MalformedCallback:
            self._metrics.count_callback("bounce", "malformed")
            message = "This is no mail: send it as it came, with its headers."
            return refusal(request, Refused(400, ErrorCode.BAD_USER_INPUT, message))
        self._metrics.count_callback("bounce", "taken" if await self._record(bounces) else "forged")
        return Response(status_code=204)

    async def _record(self, bounces: Sequence[Bounce]) -> int:
        """Return how many of them were about e-mails of ours."""
        known = 0
        for bounce in bounces:
            mail = await _find(bounce.correlation)
            if mail is None:
                continue
            known += 1
            message_id = bounce.report.provider_message_id or mail.provider_message_id or ""
            report = replace(bounce.report, provider_message_id=message_id)
            await self._reports.record(mail.organization_id, Reported(bounce.correlation, report))
        return known

    async def unsubscribe(self, request: Request) -> Response:
        """Ask by GET, for whoever follows a link may only look at it; opt out by POST, whatever its form holds."""
        mail = await _find(request.path_params["correlation"])
        if mail is None:
            return unknown_page()
        if request.method != "POST":
            return question_page(mail.organization_name, mail.language)
        await unsubscribe(self._services.store, mail, datetime.now(UTC))
        return done_page(mail.organization_name, mail.language)


async def _find(correlation: str) -> SentMail | None:
    return await find_mail(correlation) if _CORRELATION.fullmatch(correlation) else None
