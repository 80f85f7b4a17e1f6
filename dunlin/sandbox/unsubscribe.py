"""Unsubscribing with one click, as a mail program does it for its user: RFC 8058."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

_PATIENCE = ClientTimeout(total=10)
_MOST_SHOWN = 2_000  # bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer, or why there is none: then the status is None and `error` says it."""

    status: int | None
    body: str
    error: str = ""


class Unsubscriber:
    """Asks the web address of a mail to send no more."""

    async def unsubscribe(self, url: str) -> Outcome:
        """Post what RFC 8058 says, without cookies and without following to elsewhere."""
        form = {"List-Unsubscribe": "One-Click"}
        try:
            async with (
                ClientSession(cookie_jar=DummyCookieJar(), timeout=_PATIENCE) as session,
                session.post(url, data=form, allow_redirects=False) as answer,
            ):
                body = await answer.content.read(_MOST_SHOWN)
                return Outcome(answer.status, body.decode(errors="replace"))
        except TimeoutError:
            return Outcome(None, "", f"no answer within {_PATIENCE.total:.0f} s")
        except (ClientError, ValueError) as error:
            return Outcome(None, "", f"no answer: {type(error).__name__}")


def is_here(url: str) -> bool:
    """Return whether an address is one of this machine's alone: the sandbox asks nobody else for anything."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
