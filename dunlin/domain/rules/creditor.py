"""Who collects, as banks name them: by IBAN (ISO 13616) or by SEPA creditor identifier (EPC262-08)."""

import re
from collections.abc import Sequence

from dunlin.domain.errors import Problem, ProblemCode

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_IDENTIFIER = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}")
_NO_BUSINESS_CODE = "ZZZ"

MAX_ACCOUNTS = 100  # of one organization
MAX_LENGTH = 35


def account_key(text: str) -> str:
    """Return what a creditor is known by: without blanks, in capitals.

    Of a creditor identifier the three characters of the business code do not count: they tell a creditor's branches
    apart, and stand for none of them as ZZZ.
    """
    written = "".join(text.split()).upper()
    if _is_identifier(written) and not _is_iban(written):
        return written[:4] + _NO_BUSINESS_CODE + written[7:]
    return written


def is_account(text: str) -> bool:
    """Return whether `text` is an IBAN or a creditor identifier whose check digits are right."""
    written = "".join(text.split()).upper()
    return len(written) <= MAX_LENGTH and (_is_iban(written) or _is_identifier(written))


def check_accounts(accounts: Sequence[str]) -> list[Problem]:
    """Return everything that is wrong, each under the path of its place in the input."""
    if len(accounts) > MAX_ACCOUNTS:
        message = f"Give at most {MAX_ACCOUNTS} accounts; these are {len(accounts)}."
        return [Problem(ProblemCode.INVALID, message, ("accounts",))]
    problems, seen = [], set()
    for place, account in enumerate(accounts):
        path = ("accounts", str(place))
        if not is_account(account):
            message = "This is neither an IBAN nor a SEPA creditor identifier with right check digits."
            problems.append(Problem(ProblemCode.INVALID, message, path))
        elif account_key(account) in seen:
            problems.append(Problem(ProblemCode.DUPLICATE, "This account stands twice in the call.", path))
        seen.add(account_key(account))
    return problems


def _is_iban(written: str) -> bool:
    return _IBAN.fullmatch(written) is not None and _is_checked(written[4:] + written[:4])


def _is_identifier(written: str) -> bool:
    return _IDENTIFIER.fullmatch(written) is not None and _is_checked(written[7:] + written[:4])


def _is_checked(turned: str) -> bool:
    """ISO 7064, MOD 97-10: letters count as 10 to 35."""
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1
