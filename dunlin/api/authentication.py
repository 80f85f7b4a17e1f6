"""Who is asking: `Authorization: Bearer <token>`, over HTTP and in a WebSocket's connection_init."""

from collections.abc import Mapping
from datetime import UTC, datetime

from dunlin.domain.viewer import Viewer, viewer_of

_SCHEME = "bearer "
_LONGEST = 512


async def viewer_of_header(header: str | None, keys: tuple[bytes, ...]) -> Viewer | None:
    """Return the viewer of an Authorization header; None if it names no token in force."""
    if header is None or len(header) > _LONGEST or not header.lower().startswith(_SCHEME):
        return None
    return await viewer_of(header[len(_SCHEME) :].strip(), keys, datetime.now(UTC))


async def viewer_of_params(params: Mapping[str, object] | None, keys: tuple[bytes, ...]) -> Viewer | None:
    """Return the viewer of a connection_init payload: {"Authorization": "Bearer ..."} or {"authToken": "..."}."""
    params = params or {}
    token = params.get("authToken")
    header = f"{_SCHEME}{token}" if isinstance(token, str) else params.get("Authorization")
    return await viewer_of_header(header, keys) if isinstance(header, str) else None
