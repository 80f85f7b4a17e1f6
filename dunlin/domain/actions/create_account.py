"""Create an account: who uses the service."""

from dunlin.domain.errors import ProblemCode, Refusal, refuse
from dunlin.domain.rules.step_input import check_name
from dunlin.domain.tables import Account


async def create_account(name: str) -> Account:
    """Return a new account. Refuses with INVALID or DUPLICATE: the command line knows accounts by their names."""
    if problems := check_name(name):
        raise Refusal(problems)
    if await Account.filter(name=name.strip()).exists():
        raise refuse(ProblemCode.DUPLICATE, f"There is an account {name.strip()!r} already.", "name")
    return await Account.create(name=name.strip())
