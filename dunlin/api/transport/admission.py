"""Who is let in to an HTTP request, and how those are told who are not."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import HTTPConnection, Request

from dunlin.api.authentication import Door, NotLetIn, NotYetLetIn
from dunlin.api.errors import RETRY_AFTER_S, ErrorCode
from dunlin.api.transport.refused import Refused
from dunlin.domain.store import is_away, is_too_slow
from dunlin.domain.viewer import Viewer
from dunlin.runtime.issuer_keys import KeysUnavailable


class Admission:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def of(self, request: Request) -> Viewer:
        """Return who asks, or raise `Refused`."""
        with refusing():
            return await self._door.viewer_of_header(request.headers.get("authorization"), address_of(request))


@contextmanager
def refusing() -> Iterator[None]:
    """Raise `Refused` where `Door` lets nobody in."""
    try:
        yield
    except NotLetIn as refused:
        raise _not_let_in(refused) from refused
    except NotYetLetIn as refused:
        raise Refused(429, ErrorCode.RATE_LIMITED, refused.reason, retry_after=refused.seconds) from refused
    except KeysUnavailable as error:
        raise unavailable("The issuer of the token") from error
    except Exception as error:
        if not (is_away(error) or is_too_slow(error)):
            raise
        raise unavailable("The database") from error


def address_of(connection: HTTPConnection) -> str | None:
    """Return the client's network address: behind a trusted proxy, the one that the proxy names."""
    return connection.client.host if connection.client else None


def unavailable(who: str) -> Refused:
    message = f"{who} does not answer. Nothing has been done; try again."
    return Refused(503, ErrorCode.UNAVAILABLE, message, retry_after=RETRY_AFTER_S)


def _not_let_in(refused: NotLetIn) -> Refused:
    headers = {"WWW-Authenticate": refused.challenge}
    if refused.is_known:
        return Refused(403, ErrorCode.FORBIDDEN, refused.reason, headers)
    return Refused(401, ErrorCode.UNAUTHENTICATED, refused.reason, headers)
