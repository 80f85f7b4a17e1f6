"""What may stand in a case that is to be opened."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from dunlin.domain.choices import CaseOrigin
from dunlin.domain.errors import Problem, ProblemCode
from dunlin.domain.rules import mandate, phone
from dunlin.domain.rules.texts import composed

MAX_CASES = 1_000
MAX_LENGTH = 200
MAX_LINK = 200  # each 153 characters of it are one more segment to pay for
MAX_AMOUNT = Decimal(10) ** 14
DECIMALS = 4
SMALLEST = Decimal(1).scaleb(-DECIMALS)
_REASON_CODE = re.compile(r"[A-Z0-9]{4}")
# RFC 3986, without user information: a link that shows one host and leads to another is what fraud looks like.
_LINK = re.compile(
    r"https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]{1,5})?([/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?"
)
# Without quoted local parts and comments, which nobody has: what stands in a header must not be read otherwise.
_EMAIL = re.compile(r"[^@\s<>()\[\],;:\\\"]{1,64}@[^@\s.<>()\[\],;:\\\"]+(\.[^@\s.<>()\[\],;:\\\"]+)+")


@dataclass(frozen=True, slots=True)
class NewCustomer:
    external_reference: str
    name: str
    language: str | None
    phone: str | None  # as typed; a national number is read as of the organization's country
    email: str | None
    time_zone: str | None = None  # an IANA name; without it the number tells
    mandate_references: tuple[str, ...] = ()  # further ones that are the customer's


@dataclass(frozen=True, slots=True)
class NewCase:
    external_reference: str
    origin: CaseOrigin
    return_reason_code: str | None
    customer: NewCustomer
    amount: Decimal
    currency: str
    due_on: date
    is_refund: bool = False  # the debtor had the money paid back
    payment_link: str | None = None
    end_to_end_id: str | None = None  # of the direct debit


@dataclass(frozen=True, slots=True)
class NewMandate:
    reference: str
    customer: NewCustomer


def check_cases(cases: list[NewCase], country: str) -> list[Problem]:
    """Return everything that is wrong, each under the path of its place in the input."""
    if not 1 <= len(cases) <= MAX_CASES:
        message = f"Give 1 to {MAX_CASES} cases a call; these are {len(cases)}."
        return [Problem(ProblemCode.INVALID, message, ("cases",))]
    problems: list[Problem] = []
    seen: set[str] = set()
    debits: set[str] = set()
    owners: dict[str, str] = {}
    for place, case in enumerate(cases):
        found = list(_check(case, country))
        if case.external_reference in seen:
            message = "This reference stands twice in the call."
            found.append(Problem(ProblemCode.DUPLICATE, message, ("externalReference",)))
        seen.add(case.external_reference)
        if case.end_to_end_id and case.end_to_end_id in debits:
            message = "This end-to-end id is given twice."
            found.append(Problem(ProblemCode.DUPLICATE, message, ("endToEndId",)))
        debits.add(case.end_to_end_id or "")
        found += _check_one_owner(case.customer, owners)
        problems += [Problem(p.code, p.message, ("cases", str(place), *p.path)) for p in found]
    return problems


def check_mandates(mandates: list[NewMandate], country: str) -> list[Problem]:
    """Return everything that is wrong, each under the path of its place in the input."""
    if not 1 <= len(mandates) <= MAX_CASES:
        message = f"Give 1 to {MAX_CASES} mandates a call; these are {len(mandates)}."
        return [Problem(ProblemCode.INVALID, message, ("mandates",))]
    problems: list[Problem] = []
    owners: dict[str, str] = {}
    for place, given in enumerate(mandates):
        found = [*_check_short(given.reference, "reference"), *_check_customer(given.customer, country)]
        owner = owners.setdefault(mandate.folded(given.reference), given.customer.external_reference)
        if owner != given.customer.external_reference:
            found.append(Problem(ProblemCode.DUPLICATE, _TWO_OWNERS, ("reference",)))
        found += _check_one_owner(given.customer, owners)
        problems += [Problem(p.code, p.message, ("mandates", str(place), *p.path)) for p in found]
    return problems


_TWO_OWNERS = "This mandate is given to two customers."


def _check_one_owner(customer: NewCustomer, owners: dict[str, str]) -> Iterator[Problem]:
    """Yield a problem for each mandate that was another customer's before, and note whose they are."""
    for place, reference in enumerate(customer.mandate_references):
        owner = owners.setdefault(mandate.folded(reference), customer.external_reference)
        if owner != customer.external_reference:
            path = ("customer", "mandateReferences", str(place))
            yield Problem(ProblemCode.DUPLICATE, _TWO_OWNERS, path)


def normalized(case: NewCase, country: str) -> NewCase:
    """Return a checked case with its phone number in E.164 and empty fields as None."""
    return replace(
        case,
        customer=normalized_customer(case.customer, country),
        payment_link=case.payment_link or None,
        end_to_end_id=case.end_to_end_id or None,
    )


def normalized_customer(typed: NewCustomer, country: str) -> NewCustomer:
    """Return a checked customer: the phone number in E.164, the e-mail address in lower case, no empty fields."""
    number = phone.normalize(typed.phone, country) if typed.phone else None
    return replace(typed, phone=number, email=normalized_email(typed.email) if typed.email else None)


def _check(case: NewCase, country: str) -> Iterator[Problem]:
    yield from _check_line(case.external_reference, "externalReference")
    if case.end_to_end_id:
        yield from _check_short(case.end_to_end_id, "endToEndId")
    yield from _check_customer(case.customer, country)
    yield from _check_amount(case.amount)
    yield from _check_reason(case)
    yield from _check_link(case.payment_link)
    if not 2000 <= case.due_on.year <= 2100:
        yield Problem(ProblemCode.INVALID, "A due date lies between 2000 and 2100.", ("dueOn",))


def _check_customer(customer: NewCustomer, country: str) -> Iterator[Problem]:
    yield from _check_line(customer.external_reference, "customer", "externalReference")
    yield from _check_line(customer.name, "customer", "name")
    if customer.phone:
        yield from check_phone(customer.phone, country, "customer", "phone")
    if customer.email:
        yield from check_email(customer.email, "customer", "email")
    given = customer.mandate_references
    if len(given) > mandate.MAX_MANDATES:
        message = f"Give at most {mandate.MAX_MANDATES} mandates with a customer; registerMandates takes more."
        yield Problem(ProblemCode.INVALID, message, ("customer", "mandateReferences"))
    for place, reference in enumerate(given):
        yield from _check_short(reference, "customer", "mandateReferences", str(place))


def _check_short(value: str, *path: str) -> Iterator[Problem]:
    if not value.strip():
        yield Problem(ProblemCode.REQUIRED, "This may not be empty.", path)
    elif len(value) > mandate.MAX_LENGTH or not value.isprintable():
        yield Problem(ProblemCode.INVALID, f"This has 1 to {mandate.MAX_LENGTH} printable characters.", path)


def _check_line(value: str, *path: str) -> Iterator[Problem]:
    if not value.strip():
        yield Problem(ProblemCode.REQUIRED, "This may not be empty.", path)
    elif max(len(value), len(composed(value))) > MAX_LENGTH or not value.isprintable():
        yield Problem(ProblemCode.INVALID, f"This has 1 to {MAX_LENGTH} printable characters.", path)


def check_phone(number: str, country: str, *path: str) -> Iterator[Problem]:
    if not number.isprintable() or phone.normalize(number, country) is None:
        message = f"This is no phone number. Write it as +32470123456, or as it is dialed within {country}."
        yield Problem(ProblemCode.INVALID, message, path)


def check_email(address: str, *path: str) -> Iterator[Problem]:
    if len(address) > 254 or not address.isprintable() or not _EMAIL.fullmatch(address):
        yield Problem(ProblemCode.INVALID, "This is no e-mail address. Write it as ada@example.com.", path)


def normalized_email(address: str) -> str:
    """Return a checked address in lower case: no provider in use tells two mailboxes apart by their capitals."""
    return address.lower()


def _check_amount(amount: Decimal) -> Iterator[Problem]:
    path = ("amountDue", "amount")
    if not amount.is_finite() or not 0 < amount < MAX_AMOUNT:
        yield Problem(ProblemCode.INVALID, "An amount due is more than 0 and less than 10^14.", path)
    elif amount != amount.quantize(SMALLEST):
        yield Problem(ProblemCode.INVALID, f"An amount has at most {DECIMALS} decimals.", path)


def _check_link(link: str | None) -> Iterator[Problem]:
    if link and (len(link) > MAX_LINK or not _LINK.fullmatch(link)):
        message = f"A payment link is an address that begins with https:// and has at most {MAX_LINK} characters."
        yield Problem(ProblemCode.INVALID, message, ("paymentLink",))


def _check_reason(case: NewCase) -> Iterator[Problem]:
    code, path = case.return_reason_code, ("returnReasonCode",)
    if case.origin is CaseOrigin.DIRECT_DEBIT_RETURN:
        if not code:
            yield Problem(ProblemCode.REQUIRED, "A returned direct debit needs its reason, e.g. AM04.", path)
        elif not _REASON_CODE.fullmatch(code):
            yield Problem(ProblemCode.INVALID, "A return reason is an ISO 20022 code of four characters.", path)
    elif code:
        message = "Only a case of origin DIRECT_DEBIT_RETURN has a return reason."
        yield Problem(ProblemCode.INVALID, message, path)
    if case.is_refund and case.origin is not CaseOrigin.DIRECT_DEBIT_RETURN:
        message = "Only a case of origin DIRECT_DEBIT_RETURN can be about a refund."
        yield Problem(ProblemCode.INVALID, message, ("isRefund",))
