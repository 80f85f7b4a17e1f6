"""Who did what, when and from where: told in the transaction of what was done."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dunlin.domain.choices import ActorKind, AuditAction


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `id` is the token's, the subject of a sign-in, or the operating system's user name.

    `address` is where from: the client's network address, or the name of the machine of a command line.
    """

    kind: ActorKind
    id: str
    name: str
    address: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is different now; None where there was or is nothing."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Act:
    """One thing done, to become an entry of the audit trail. `organization_id` is None for the account itself."""

    account_id: int
    organization_id: int | None
    actor: Actor
    action: AuditAction
    subject: str
    differences: Sequence[Difference]


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> list[Difference]:
    """Return what is different, field by field; the entries of a mapping are fields of their own ("smsTexts.nl")."""
    old, new = _flat(before), _flat(after)
    fields = dict.fromkeys([*old, *new])
    return [Difference(name, old.get(name), new.get(name)) for name in fields if old.get(name) != new.get(name)]


def _flat(values: Mapping[str, object]) -> dict[str, str | None]:
    flat: dict[str, str | None] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{key}": _text(inner) for key, inner in value.items()}
        else:
            flat[name] = _text(value)
    return flat


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Collection) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
