"""How customers are reached, out of a row of the table: for each kind of message its columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dunlin.domain.choices import IntegrationKind
from dunlin.domain.rules.recipient import Recipient

# Of the table `customer`, beside its `phone`, which `HOURS_COLUMNS` holds.
RECIPIENT_COLUMNS = """customer.phone_problem_reason, customer.sms_opted_out_at, customer.email,
  customer.email_problem_reason, customer.email_opted_out_at"""


def recipient_of(row: Mapping[str, Any], kind: IntegrationKind) -> Recipient:
    """Return the recipient of a row with `RECIPIENT_COLUMNS` and the phone."""
    reach = REACHES[kind]
    return Recipient(
        kind,
        row[reach.address],
        row[f"{reach.problem}_reason"],
        opted_out=row[reach.opted_out_at] is not None,
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the tables keep how one kind of message reaches somebody, for statements about either kind.

    `address`, `problem` and `opted_out_at` are columns of `customer`, the first one of `opt_outs`, too.
    """

    kind: IntegrationKind
    address: str
    problem: str
    opted_out_at: str
    opt_outs: str


REACHES: Mapping[IntegrationKind, Reach] = {
    IntegrationKind.SMS: Reach(IntegrationKind.SMS, "phone", "phone_problem", "sms_opted_out_at", "sms_opt_out"),
    IntegrationKind.EMAIL: Reach(
        IntegrationKind.EMAIL, "email", "email_problem", "email_opted_out_at", "email_opt_out"
    ),
}


def opted_out_since(reach: Reach, address: str) -> str:
    """Return the expression of when whoever has `address` has opted out, where that is in force.

    `address` is an expression itself; the organization is the one of the table `customer`.
    """
    return (
        f"(SELECT o.opted_out_at FROM {reach.opt_outs} o WHERE o.organization_id = customer.organization_id"
        f" AND o.{reach.address} = {address} AND o.lifted_at IS NULL)"
    )
