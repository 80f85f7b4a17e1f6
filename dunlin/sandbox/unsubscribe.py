"""Unsubscribing with one click, as a mail program does it for its user: RFC 8058."""

from dataclasses import dataclass
from html.parser import HTMLParser
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

_PATIENCE = ClientTimeout(total=10)
_MOST_READ = 64_000  # bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer, or why there is none: then the status is None and `error` says it."""

    status: int | None
    body: str
    error: str = ""

    @property
    def words(self) -> str:
        """What a person would read of the answer, be it a page or plain text."""
        page = _Words()
        page.feed(self.body)
        page.close()
        return " ".join(" ".join(page.words).split())


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._is_silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_silent = tag in ("style", "script", "title")

    def handle_endtag(self, tag: str) -> None:
        self._is_silent = False

    def handle_data(self, data: str) -> None:
        if not self._is_silent:
            self.words.append(data)


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
                body = await answer.content.read(_MOST_READ)
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
