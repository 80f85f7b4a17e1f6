"""Whose bank files are taken, and taking them."""

from datetime import UTC, datetime
from typing import Annotated

import strawberry

from dunlin.api.context import Info
from dunlin.api.inputs import IDEMPOTENCY_KEY
from dunlin.api.organization_mutations import OrganizationPayload
from dunlin.api.settle import ERRORS, row_id, settled
from dunlin.api.types.bank import BankImport
from dunlin.api.types.node import UserError, user_errors
from dunlin.api.types.organization import Organization
from dunlin.domain import tables
from dunlin.domain.actions.set_creditor_accounts import set_creditor_accounts
from dunlin.domain.errors import Refusal
from dunlin.domain.rules.creditor import MAX_ACCOUNTS
from dunlin.runtime.bank_import import MAX_UPLOAD, import_upload


@strawberry.input(description="The accounts that an organization collects with.")
class SetCreditorAccountsInput:
    organization_id: strawberry.ID = strawberry.field(description="Whose accounts.")
    accounts: list[str] = strawberry.field(
        description=f"All of its IBANs and SEPA creditor identifiers, at most {MAX_ACCOUNTS}; they replace those it "
        "has. Of an identifier the business code does not count."
    )


@strawberry.input(description="A bank's file of returned direct debits.")
class ImportBankFileInput:
    organization_id: strawberry.ID = strawberry.field(description="Whose direct debits; see setCreditorAccounts.")
    cycle_id: strawberry.ID = strawberry.field(description="The cycle that new cases go through.")
    content: str = strawberry.field(
        description="The file, as it came from the bank, in base64 with padding: pain.002.001.03 or .10, "
        f"camt.054.001.02 or .08, of at most {MAX_UPLOAD:,} bytes. Give it as a variable. The operator imports larger "
        "ones."
    )
    file_name: str | None = strawberry.field(default=None, description="What it is called, for the report.")
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.type(description="What became of importBankFile.")
class ImportBankFilePayload:
    bank_import: BankImport | None = strawberry.field(description="What became of its transactions.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type
class BankMutation:
    @strawberry.mutation(
        description="Say which accounts are an organization's: a bank's file that is about any other is refused."
    )
    async def set_creditor_accounts(
        self,
        info: Info,
        input: Annotated[SetCreditorAccountsInput, strawberry.argument(description="Whose, and which.")],  # noqa: A002
    ) -> OrganizationPayload:
        outcome = await settled(info, _set_accounts(info, input))
        if isinstance(outcome, Refusal):
            return OrganizationPayload(organization=None, user_errors=user_errors(outcome))
        return OrganizationPayload(organization=Organization.of(outcome), user_errors=[])

    @strawberry.mutation(
        description="Take the returned direct debits of a bank's file, each once, whatever files tell of it: by end-to-"
        "end id its case gets the return reason, else by mandate a case is opened. What is found by neither is listed. "
        "A file that cannot be read to its end, or is about another creditor, is refused whole, with the place."
    )
    async def import_bank_file(
        self,
        info: Info,
        input: Annotated[ImportBankFileInput, strawberry.argument(description="The file.")],  # noqa: A002
    ) -> ImportBankFilePayload:
        outcome = await settled(info, _import(info, input))
        if isinstance(outcome, Refusal):
            return ImportBankFilePayload(bank_import=None, user_errors=user_errors(outcome))
        return ImportBankFilePayload(bank_import=BankImport.of(outcome), user_errors=[])


async def _set_accounts(info: Info, given: SetCreditorAccountsInput) -> tables.Organization:
    return await set_creditor_accounts(
        info.context.services.store,
        info.context.viewer,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        accounts=given.accounts,
    )


async def _import(info: Info, given: ImportBankFileInput) -> tables.BankImport:
    return await import_upload(
        info.context.services.store,
        info.context.viewer,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        cycle_id=row_id("CollectionCycle", given.cycle_id, "cycleId"),
        content=given.content,
        file_name=given.file_name,
        idempotency_key=given.idempotency_key,
        now=datetime.now(UTC),
    )
