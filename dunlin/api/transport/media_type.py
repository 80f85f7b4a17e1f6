"""Which media type an answer has, by RFC 9110 (section 12.5.1), and whether a body's can be read."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

_MOST_RANGES = 32
_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


class MediaType(StrEnum):
    GRAPHQL = "application/graphql-response+json"
    JSON = "application/json"
    EVENTS = "text/event-stream"


# First is what is answered to who takes anything: clients that know the newer type ask for it.
ANSWERS = (MediaType.JSON, MediaType.GRAPHQL)


def acceptable(accept: str | None, offered: Sequence[MediaType] = ANSWERS) -> MediaType | None:
    """Return the one of `offered` that an Accept header prefers: by quality, then by the header's order.

    Without a header it is the first one; None if the header takes none of them.
    """
    if accept is None or not accept.strip():
        return offered[0]
    ranges = [_read(part) for part in accept.split(",", _MOST_RANGES)[:_MOST_RANGES]]
    best: tuple[float, MediaType] | None = None
    for wanted, parameters in ranges:
        for media_type in offered:
            if not _matches(wanted, parameters, media_type):
                continue
            quality = _quality_of(media_type, ranges)
            if quality > (best[0] if best else 0):
                best = quality, media_type
    return best[1] if best else None


def is_json(content_type: str | None) -> bool:
    """Return whether a body of this Content-Type is JSON in UTF-8."""
    name, parameters = _read(content_type or "")
    return name == MediaType.JSON and _is_utf8(parameters)


def _read(text: str) -> tuple[str, Mapping[str, str]]:
    name, *rest = text.split(";")
    pairs = (part.partition("=") for part in rest)
    return name.strip().lower(), {key.strip().lower(): value.strip().strip('"').lower() for key, _, value in pairs}


def _is_utf8(parameters: Mapping[str, str]) -> bool:
    return parameters.get("charset", "utf-8") in ("utf-8", "utf8")


def _matches(wanted: str, parameters: Mapping[str, str], media_type: MediaType) -> bool:
    return wanted in (media_type, media_type.split("/")[0] + "/*", "*/*") and _is_utf8(parameters)


def _quality_of(media_type: MediaType, ranges: Sequence[tuple[str, Mapping[str, str]]]) -> float:
    """Return the quality that the most specific range gives the type; what is no quality counts as 0."""
    fitting = [one for one in ranges if _matches(*one, media_type)]
    _, parameters = min(fitting, key=lambda one: one[0].count("*"))
    quality = parameters.get("q", "1")
    return float(quality) if _QUALITY.fullmatch(quality) else 0.0
