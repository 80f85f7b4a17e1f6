"""Who is asking: `Authorization: Bearer <token>`, over HTTP and in a WebSocket's connection_init."""

from collections.abc import Mapping
from datetime import UTC, datetime

from dunlin.api.token_uses import TokenUses
from dunlin.domain.actions.note_token_use import use_to_note
from dunlin.domain.viewer import Viewer, token_of, viewer_by

_SCHEME = "bearer "
_LONGEST = 512


async def viewer_of_header(
    header: str | None, address: str | None, keys: tuple[bytes, ...], uses: TokenUses
) -> Viewer | None:
    """Return the viewer of an Authorization header; None if it names no token in force. Its use is noted.

    `address` is where the request comes from.
    """
    if header is None or len(header) > _LONGEST or not header.lower().startswith(_SCHEME):
        return None
    secret, now = header[len(_SCHEME) :].strip(), datetime.now(UTC)
    token = await token_of(secret, keys, now)
    if token is None:
        return None
    if use := use_to_note(token, secret, keys[0], now):
        uses.note(use)
    return viewer_by(token, address)


async def viewer_of_params(
    params: Mapping[str, object] | None, address: str | None, keys: tuple[bytes, ...], uses: TokenUses
) -> Viewer | None:
    """Return the viewer of a connection_init payload: {"Authorization": "Bearer ..."} or {"authToken": "..."}."""
    params = params or {}
    token = params.get("authToken")
    header = f"{_SCHEME}{token}" if isinstance(token, str) else params.get("Authorization")
    return await viewer_of_header(header, address, keys, uses) if isinstance(header, str) else None
