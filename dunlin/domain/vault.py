"""The seam for secrets at rest."""

from typing import Protocol

from dunlin.domain.carrier import Credentials


class Vault(Protocol):
    def seal(self, credentials: Credentials, *, organization_id: int) -> bytes:
        """Encrypt, bound to the organization: no other organization's row can be opened with it."""
        ...

    def open(self, sealed: bytes, *, organization_id: int) -> Credentials:
        """Return what was sealed for this organization, or raise `BrokenSeal`."""
        ...


class BrokenSeal(Exception):
    def __str__(self) -> str:
        return "stored credentials cannot be opened: sealed for another organization, or with a key that is not set"
