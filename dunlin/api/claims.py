"""What a user may do, as the claims of their token say it.

dunlin_account         the account's id: a whole number
dunlin_organizations   the ids of organizations as this API shows them, or "*" for all of the account
dunlin_permissions     names of permissions; those that nobody knows give nothing
"""

from collections.abc import Mapping

from dunlin.api.ids import MalformedId, decode_id
from dunlin.domain.choices import Permission
from dunlin.domain.grant import Grant, GrantRefused

_LARGEST = 2**63 - 1


def read_grant(claims: Mapping[str, object], prefix: str) -> Grant:
    """Return what is granted, or raise `GrantRefused`: a claim that is missing or malformed grants nothing at all."""
    account, organizations, permissions = (f"{prefix}{name}" for name in ("account", "organizations", "permissions"))
    return Grant(
        _account_id(claims.get(account), account),
        _organization_ids(claims.get(organizations), organizations),
        _permissions(claims.get(permissions), permissions),
    )


def _account_id(value: object, claim: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LARGEST:
        raise GrantRefused(f"The claim {claim} should be the id of an account: a whole number.")
    return value


def _organization_ids(value: object, claim: str) -> frozenset[int] | None:
    if value == "*":
        return None
    wanted = f"The claim {claim} should be a list of ids of organizations, at least one, or * for all."
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise GrantRefused(wanted)
    try:
        return frozenset(decode_id("Organization", item) for item in value)
    except MalformedId as error:
        raise GrantRefused(wanted) from error


def _permissions(value: object, claim: str) -> frozenset[Permission]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        known = ", ".join(Permission)
        raise GrantRefused(f"The claim {claim} should be a list of permissions, out of {known}.")
    return frozenset(permission for permission in Permission if permission.value in value)
