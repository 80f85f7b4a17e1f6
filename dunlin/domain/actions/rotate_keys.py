"""Seal stored credentials anew with the newest key, while everything runs."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from tortoise.expressions import Q

from dunlin.domain.store import rows
from dunlin.domain.tables import Token
from dunlin.domain.vault import BrokenSeal, Vault, key_id

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Rotation:
    """How many connections were sealed anew and how many were new already; the ids of those that no key opens."""

    resealed: int
    already_new: int
    unopened: tuple[int, ...]


class _Outcome(Enum):
    RESEALED = auto()
    ALREADY_NEW = auto()
    UNOPENED = auto()
    GONE = auto()


async def rotate_keys(vault: Vault, *, batch: int = _BATCH) -> Rotation:
    """Seal every connection's credentials with the newest key. Safe to repeat and to break off."""
    outcomes: dict[int, _Outcome] = {}
    last_id = 0
    while found := await rows(_NEXT, last_id, batch):
        for row in found:
            outcomes[row["id"]] = await _rotate(vault, row["id"], row["organization_id"], row["sealed_credentials"])
        last_id = found[-1]["id"]
    counted = list(outcomes.values())
    return Rotation(
        resealed=counted.count(_Outcome.RESEALED),
        already_new=counted.count(_Outcome.ALREADY_NEW),
        unopened=tuple(row_id for row_id, outcome in outcomes.items() if outcome is _Outcome.UNOPENED),
    )


async def _rotate(vault: Vault, connection_id: int, organization_id: int, sealed: bytes | None) -> _Outcome:
    """Replace exactly the value that was opened; where somebody else has replaced it meanwhile, look again."""
    while sealed is not None:
        try:
            credentials = vault.open(sealed, organization_id=organization_id)
        except BrokenSeal:
            return _Outcome.UNOPENED
        if vault.is_newest(sealed):
            return _Outcome.ALREADY_NEW
        if await rows(_REPLACE, connection_id, sealed, vault.seal(credentials, organization_id=organization_id)):
            return _Outcome.RESEALED
        now_there = await rows("SELECT sealed_credentials FROM connection WHERE id = $1", connection_id)
        sealed = now_there[0]["sealed_credentials"] if now_there else None
    return _Outcome.GONE


async def tokens_on_old_keys(key: bytes, now: datetime) -> int:
    """Return how many tokens in force are still hashed with another key than the newest."""
    in_force = Token.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), revoked_at__isnull=True)
    return await in_force.exclude(key_id=key_id(key).hex()).count()


_NEXT = """
SELECT id, organization_id, sealed_credentials FROM connection
WHERE id > $1 AND sealed_credentials IS NOT NULL ORDER BY id LIMIT $2
"""

_REPLACE = """
UPDATE connection SET sealed_credentials = $3 WHERE id = $1 AND sealed_credentials = $2 RETURNING id
"""
