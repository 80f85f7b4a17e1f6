"""What somebody else vouches for: an issuer says which account, organizations and permissions a user has."""

from dataclasses import dataclass

from dunlin.domain.choices import Permission
from dunlin.domain.errors import DomainError
from dunlin.domain.store import rows


@dataclass(frozen=True, slots=True)
class Grant:
    """`organization_ids` is None for all of the account, those to come included."""

    account_id: int
    organization_ids: frozenset[int] | None
    permissions: frozenset[Permission]


class GrantRefused(DomainError):
    """The grant opens nothing here, not even what of it is right. `reason` is a sentence for the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def check_grant(grant: Grant) -> None:
    """Raise `GrantRefused` unless account and organizations exist and belong together."""
    wanted = sorted(grant.organization_ids or ())
    found = await rows(_COUNT, grant.account_id, wanted)
    if not found:
        raise GrantRefused("The token names an account that does not exist.")
    if found[0]["organizations"] != len(wanted):
        raise GrantRefused("The token names an organization that its account does not have.")


_COUNT = """
SELECT (SELECT count(*) FROM organization o WHERE o.account_id = a.id AND o.id = ANY($2::bigint[])) AS organizations
FROM account a WHERE a.id = $1
"""
