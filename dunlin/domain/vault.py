"""The seam for secrets at rest."""

import hashlib
from functools import lru_cache
from typing import Protocol

from dunlin.domain.carrier import Credentials


class Vault(Protocol):
    def seal(self, credentials: Credentials, *, organization_id: int) -> bytes:
        """Encrypt, bound to the organization: no other organization's row can be opened with it."""
        ...

    def open(self, sealed: bytes, *, organization_id: int) -> Credentials:
        """Return what was sealed for this organization, or raise `BrokenSeal`."""
        ...

    def digest(self, secret: str) -> str:
        """Return a keyed hash of a secret, by which it can be recognized and not searched for. Another key, another
        hash."""
        ...

    def is_newest(self, sealed: bytes) -> bool:
        """Return whether it was sealed with the key that seals now."""
        ...


class BrokenSeal(Exception):
    def __str__(self) -> str:
        return "stored credentials cannot be opened: sealed for another organization, or with a key that is not set"


@lru_cache(maxsize=16)
def key_id(key: bytes) -> bytes:
    """Return the 4 bytes that name a key beside what it has sealed or hashed. They tell nothing of it."""
    return hashlib.sha256(b"dunlin key id" + key).digest()[:4]
