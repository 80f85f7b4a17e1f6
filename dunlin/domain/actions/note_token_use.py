"""Note when tokens were used, and hash them anew after a change of keys."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from dunlin.domain.store import rows
from dunlin.domain.tables import Token
from dunlin.domain.vault import key_id
from dunlin.domain.viewer import digest

NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TokenUse:
    """That a token was used, with its hash under the newest key: only its bearer can bring that."""

    token_id: int
    used_at: datetime
    digest: str
    key_id: str


def use_to_note(token: Token, secret: str, key: bytes, now: datetime) -> TokenUse | None:
    """Return what is to be noted of a use; None if that was noted within the last minute."""
    newest = key_id(key).hex()
    is_fresh = token.last_used_at is not None and now - token.last_used_at < NOTED_EVERY
    if is_fresh and token.key_id == newest:
        return None
    return TokenUse(token.id, now, digest(secret, key), newest)


async def note_token_uses(uses: Collection[TokenUse]) -> None:
    """Store uses, of each token at most one a minute, however many processes note it."""
    await rows(
        _NOTE,
        [use.token_id for use in uses],
        [use.used_at for use in uses],
        [use.digest for use in uses],
        [use.key_id for use in uses],
        NOTED_EVERY,
    )


# Rows are held in the order of their ids, so that two processes never wait for each other in a circle. Under the newest
# key a hash says which token it is: one that has got another one's id meanwhile is left alone.
_NOTE = """
WITH use AS (
  SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[]) AS u(id, used_at, digest, key_id)
), held AS (
  SELECT t.id FROM token t JOIN use u ON u.id = t.id
  WHERE t.key_id <> u.key_id
    OR t.digest = u.digest AND (t.last_used_at IS NULL OR t.last_used_at <= u.used_at - $5::interval)
  ORDER BY t.id FOR NO KEY UPDATE OF t
)
UPDATE token t SET last_used_at = GREATEST(t.last_used_at, u.used_at), digest = u.digest, key_id = u.key_id
FROM use u JOIN held h ON h.id = u.id WHERE t.id = u.id
"""
