"""Lists in pages, in the two envelopes that Twilio's APIs use."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar
from urllib.parse import urlencode

Row = TypeVar("Row")

_USUAL_SIZE, _LARGEST_SIZE = 50, 1_000


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, and the token of the page after them, if there is one."""

    rows: list[Row]
    number: int
    size: int
    next_token: str | None

    @classmethod
    def of(cls, rows: Sequence[Row], query: Mapping[str, str], sid: Callable[[Row], str]) -> Self:
        """Return the page that `query` asks for. A token names the last row of the page before, so that rows
        which came to the head of the list meanwhile repeat nothing.
        """
        number = _number(query.get("Page", ""), usual=0)
        size = min(max(_number(query.get("PageSize", ""), usual=_USUAL_SIZE), 1), _LARGEST_SIZE)
        start = number * size
        token = query.get("PageToken", "")
        if token:
            start = next((i + 1 for i, row in enumerate(rows) if f"PA{sid(row)}" == token), start)
        cut = list(rows[start : start + size])
        has_more = start + size < len(rows)
        return cls(cut, number, size, f"PA{sid(cut[-1])}" if cut and has_more else None)

    def _address(self, path: str, filters: Mapping[str, str], number: int, token: str | None) -> str:
        query = {**filters, "PageSize": str(self.size), "Page": str(number)}
        return f"{path}?{urlencode(query | ({'PageToken': token} if token else {}))}"

    def core_envelope(
        self, path: str, filters: Mapping[str, str], key: str, resources: Sequence[object]
    ) -> dict[str, object]:
        """Return the page as api.twilio.com/2010-04-01 wraps it; its addresses lack the host."""
        start = self.number * self.size
        return {
            key: list(resources),
            "page": self.number,
            "page_size": self.size,
            "start": start,
            "end": start + max(len(resources) - 1, 0),
            "uri": self._address(path, filters, self.number, None),
            "first_page_uri": self._address(path, filters, 0, None),
            "previous_page_uri": self._address(path, filters, self.number - 1, None) if self.number else None,
            "next_page_uri": self._next_address(path, filters),
        }

    def product_envelope(self, url: str, key: str, resources: Sequence[object]) -> dict[str, object]:
        """Return the page as the products' own hosts wrap it; its addresses are complete."""
        return {
            key: list(resources),
            "meta": {
                "key": key,
                "page": self.number,
                "page_size": self.size,
                "url": self._address(url, {}, self.number, None),
                "first_page_url": self._address(url, {}, 0, None),
                "previous_page_url": self._address(url, {}, self.number - 1, None) if self.number else None,
                "next_page_url": self._next_address(url, {}),
            },
        }

    def _next_address(self, path: str, filters: Mapping[str, str]) -> str | None:
        if not self.next_token:
            return None
        return self._address(path, filters, self.number + 1, self.next_token)


def _number(text: str, usual: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else usual
