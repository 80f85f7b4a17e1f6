"""The inputs of mutations, and how each becomes what an action takes."""

from datetime import date
from decimal import Decimal

import strawberry

from dunlin.api.scalars import CurrencyCode, LanguageCode, TimeZone
from dunlin.domain.actions.edit_step import StepEdit
from dunlin.domain.choices import (
    CaseOrigin,
    CommunicationMethod,
)
from dunlin.domain.rules.case_input import NewCase, NewCustomer, NewMandate
from dunlin.domain.rules.step_input import NewStep

IDEMPOTENCY_KEY = (
    "A key of the client's own, e.g. a UUID, new for each request, 1 to 200 characters: the same call again, also at "
    "the same time, is done once and gets the same answer. With another input it is refused (IDEMPOTENCY_KEY_REUSED). "
    "It belongs to the account and is kept for 24 hours; a refused call leaves it free."
)


@strawberry.input(description="A text in one language.")
class LocalizedTextInput:
    language: LanguageCode = strawberry.field(description="The language it is written in.")
    text: str = strawberry.field(
        description="At most 456 characters, e.g. Dear {{ customer.name }}, {{ amount }} is due. Placeholders: "
        "{{ customer.name }}, {{ organization.name }}, {{ amount }}, {{ due_date }}, {{ reference }}, {{ reaction }}, "
        "{{ payment_link }}."
    )


@strawberry.input(description="An e-mail in one language.")
class LocalizedEmailInput:
    language: LanguageCode = strawberry.field(description="The language it is written in.")
    subject: str = strawberry.field(description="One line of at most 200 characters; placeholders as in a text.")
    body: str = strawberry.field(
        description="Plain text of at most 10,000 characters; placeholders as in a text. An empty line begins a new "
        "paragraph, and addresses that begin with https:// can be clicked: the HTML part is made from it."
    )


@strawberry.input(
    description="Fields left out stay as they are. With applyToOpenCases the pending copies in open cases follow."
)
class EditStepInput:
    step_id: strawberry.ID = strawberry.field(description="The step to edit.")
    expected_version: int | None = strawberry.field(
        default=None,
        description="The version you have seen, to be refused (STALE_VERSION) if it is not the current; the payload "
        "then shows the step as it is.",
    )
    name: str | None = strawberry.field(default=None, description="Its name, shown to staff: 1 to 200 characters.")
    trigger_days: int | None = strawberry.field(
        default=None,
        description="Days after the previous step, 0 to 3650; for the first step, days after the due date.",
    )
    communication_method: CommunicationMethod | None = strawberry.field(
        default=None, description="One of the organization's availableCommunicationMethods."
    )
    sms_texts: list[LocalizedTextInput] | None = strawberry.field(
        default=None, description="All texts of the step, one per language; replaces those it has."
    )
    email_texts: list[LocalizedEmailInput] | None = strawberry.field(
        default=None, description="All e-mails of the step, one per language; replaces those it has."
    )
    apply_to_open_cases: bool = strawberry.field(
        default=False, description="Whether the pending copies in open cases follow."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)

    def edit(self) -> StepEdit:
        texts = None if self.sms_texts is None else [(str(text.language), text.text) for text in self.sms_texts]
        mails = None if self.email_texts is None else _mails(self.email_texts)
        return StepEdit(self.name, self.trigger_days, self.communication_method, texts, mails)


@strawberry.input(description="A step to be added.")
class StepInput:
    name: str = strawberry.field(description="Its name, shown to staff: 1 to 200 characters.")
    trigger_days: int = strawberry.field(
        description="Days after the previous step, 0 to 3650; for the first step, days after the due date."
    )
    communication_method: CommunicationMethod = strawberry.field(
        default=CommunicationMethod.NONE, description="One of the organization's availableCommunicationMethods."
    )
    sms_texts: list[LocalizedTextInput] | None = strawberry.field(
        default=None, description="What an SMS says, one text per language; needed for the method SMS."
    )
    email_texts: list[LocalizedEmailInput] | None = strawberry.field(
        default=None, description="What an e-mail says, one per language; needed for the method EMAIL."
    )

    def step(self) -> NewStep:
        texts = [(str(text.language), text.text) for text in self.sms_texts or []]
        return NewStep(self.name, self.trigger_days, self.communication_method, texts, _mails(self.email_texts or []))


def _mails(given: list[LocalizedEmailInput]) -> list[tuple[str, str, str]]:
    return [(str(mail.language), mail.subject, mail.body) for mail in given]


@strawberry.input(description="A cycle to be made.")
class CreateCollectionCycleInput:
    organization_id: strawberry.ID = strawberry.field(description="Whose cycle.")
    name: str = strawberry.field(description="Its name: 1 to 200 characters.")
    steps: list[StepInput] = strawberry.field(description="Its steps in their order, 1 to 50.")
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A step for a cycle that exists.")
class AddStepInput:
    cycle_id: strawberry.ID = strawberry.field(description="The cycle.")
    step: StepInput = strawberry.field(description="The step.")
    position: int | None = strawberry.field(
        default=None, description="Its place from 1, before the step that stands there; left out: at the end."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A step to be removed from its cycle.")
class RemoveStepInput:
    step_id: strawberry.ID = strawberry.field(description="The step.")


@strawberry.input(description="Another method for one step of one case.")
class EditCaseStepInput:
    case_step_id: strawberry.ID = strawberry.field(description="The step of the case; it must be PENDING.")
    communication_method: CommunicationMethod = strawberry.field(
        description="One of the organization's availableCommunicationMethods."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="An amount of money.")
class MoneyInput:
    amount: Decimal = strawberry.field(
        description='The exact amount, more than 0, with at most 4 decimals, e.g. "12.50".'
    )
    currency: CurrencyCode = strawberry.field(description="Its currency, e.g. EUR.")


@strawberry.input(description="Who owes. One external reference is one customer; the newest values are kept.")
class CustomerInput:
    external_reference: str = strawberry.field(
        description="The organization's own reference of the customer, e.g. C-1042: 1 to 200 characters."
    )
    name: str = strawberry.field(description="The customer's name, as texts say it: 1 to 200 characters.")
    language: LanguageCode | None = strawberry.field(
        default=None, description="Null: the organization's default language."
    )
    phone: str | None = strawberry.field(
        default=None,
        description="In E.164, or as it is dialed within the organization's country, e.g. +32470123456 or "
        "0470 12 34 56.",
    )
    email: str | None = strawberry.field(default=None, description="An e-mail address, e.g. ada@example.com.")
    time_zone: TimeZone | None = strawberry.field(
        default=None,
        description="Where the customer's clock stands. Null: told by the phone number; see possibleTimeZones.",
    )
    mandate_references: list[str] | None = strawberry.field(
        default=None,
        description="Mandates of direct debits that are this customer's, at most 20 with 35 characters each. Known "
        "ones stay; those given before and not now, too. One that is another customer's is refused.",
    )

    def customer(self) -> NewCustomer:
        return NewCustomer(
            external_reference=self.external_reference.strip(),
            name=self.name.strip(),
            language=self.language,
            phone=self.phone,
            email=self.email,
            time_zone=self.time_zone,
            mandate_references=tuple(reference.strip() for reference in self.mandate_references or ()),
        )


@strawberry.input(description="One case to open.")
class OpenCaseInput:
    external_reference: str = strawberry.field(
        description="The organization's own reference, e.g. INV-2026-1042: 1 to 200 characters. A case that has it is "
        "returned as it is, not opened twice."
    )
    customer: CustomerInput = strawberry.field(description="Who owes.")
    amount_due: MoneyInput = strawberry.field(description="What is to be paid.")
    due_on: date = strawberry.field(description="The day by which it should have been paid, e.g. 2026-11-22.")
    origin: CaseOrigin = strawberry.field(default=CaseOrigin.OVERDUE_INVOICE, description="Why it is opened.")
    return_reason_code: str | None = strawberry.field(
        default=None,
        description="With DIRECT_DEBIT_RETURN: the ISO 20022 return reason, e.g. AM04. MD07, the debtor has died, "
        "counts also for a case that exists: every case of that customer stops.",
    )
    payment_link: str | None = strawberry.field(
        default=None,
        description="Where the customer can pay, for the placeholder payment_link: https://... with at most 200 "
        "characters.",
    )
    is_refund: bool = strawberry.field(
        default=False,
        description="With DIRECT_DEBIT_RETURN: whether the debtor had the money paid back (a refund). It is contested "
        "then, and a person comes first, unless the organization has chosen a reaction to the reason.",
    )
    end_to_end_id: str | None = strawberry.field(
        default=None,
        description="The end-to-end id of its direct debit, by which the bank tells of a return: at most 35 "
        "characters, one case each.",
    )

    def case(self) -> NewCase:
        return NewCase(
            external_reference=self.external_reference.strip(),
            origin=self.origin,
            return_reason_code=self.return_reason_code,
            customer=self.customer.customer(),
            amount=self.amount_due.amount,
            currency=self.amount_due.currency,
            due_on=self.due_on,
            is_refund=self.is_refund,
            payment_link=self.payment_link.strip() if self.payment_link else None,
            end_to_end_id=self.end_to_end_id.strip() if self.end_to_end_id else None,
        )


@strawberry.input(description="Up to 1,000 cases a call: all are opened, or none.")
class OpenCollectionCasesInput:
    organization_id: strawberry.ID = strawberry.field(description="Whose cases.")
    cycle_id: strawberry.ID = strawberry.field(description="The cycle that they go through.")
    cases: list[OpenCaseInput] = strawberry.field(description="The cases, 1 to 1,000.")
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A mandate, and whose it is.")
class MandateInput:
    reference: str = strawberry.field(
        description="Its unique reference: at most 35 characters, capitals or not. A known one stays as it is."
    )
    customer: CustomerInput = strawberry.field(description="Whose it is.")

    def mandate(self) -> NewMandate:
        return NewMandate(self.reference.strip(), self.customer.customer())


@strawberry.input(description="Up to 1,000 mandates a call: all are registered, or none.")
class RegisterMandatesInput:
    organization_id: strawberry.ID = strawberry.field(description="Whose direct debits they allow.")
    mandates: list[MandateInput] = strawberry.field(description="The mandates, 1 to 1,000.")
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)
