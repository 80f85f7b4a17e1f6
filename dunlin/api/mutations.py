"""What can be changed: read the ids, call one action, show what it says."""

from datetime import UTC, datetime
from typing import Annotated

import strawberry

from dunlin.api.bank_mutations import BankMutation
from dunlin.api.case_mutations import CaseMutation
from dunlin.api.context import Info
from dunlin.api.customer_mutations import CustomerMutation
from dunlin.api.cycle_mutations import CycleMutation, StepPayload
from dunlin.api.inputs import (
    EditStepInput,
    OpenCollectionCasesInput,
)
from dunlin.api.integration_inputs import ConnectIntegrationInput, DisconnectIntegrationInput
from dunlin.api.organization_mutations import OrganizationMutation
from dunlin.api.reminder_mutations import ReminderMutation
from dunlin.api.settle import ERRORS, once, row_id, settled
from dunlin.api.token_mutations import TokenMutation
from dunlin.api.types.case import CollectionCase
from dunlin.api.types.cycle import CollectionStep
from dunlin.api.types.integration import DisconnectImpact, Integration
from dunlin.api.types.node import UserError, user_errors
from dunlin.domain import tables
from dunlin.domain.actions.connect_integration import connect_integration
from dunlin.domain.actions.disconnect_integration import disconnect_integration
from dunlin.domain.actions.edit_step import edit_step
from dunlin.domain.actions.open_cases import open_cases
from dunlin.domain.errors import ProblemCode, Refusal, refuse
from dunlin.domain.rules.impact import Impact


@strawberry.type(description="What became of connectIntegration.")
class ConnectIntegrationPayload:
    integration: Integration | None = strawberry.field(
        description="The connected integration; also with ALREADY_CONNECTED, as it was."
    )
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="What became of disconnectIntegration.")
class DisconnectIntegrationPayload:
    integration: Integration | None = strawberry.field(description="The disconnected integration.")
    impact: DisconnectImpact | None = strawberry.field(description="What has really been changed.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="What became of openCollectionCases.")
class OpenCollectionCasesPayload:
    cases: list[CollectionCase] | None = strawberry.field(description="One per entry, in the order of the input.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="What can be changed. Expected failures are userErrors; nothing has changed then.")
class Mutation(
    CycleMutation,
    CaseMutation,
    CustomerMutation,
    BankMutation,
    ReminderMutation,
    OrganizationMutation,
    TokenMutation,
):
    @strawberry.mutation(description="Connect an integration. The account is checked with the carrier first.")
    async def connect_integration(
        self,
        info: Info,
        input: Annotated[ConnectIntegrationInput, strawberry.argument(description="What to connect.")],  # noqa: A002
    ) -> ConnectIntegrationPayload:
        outcome = await settled(info, _connect(info, input))
        if isinstance(outcome, Refusal):
            found = outcome.found
            integration = Integration.of(found) if isinstance(found, tables.Integration) else None
            return ConnectIntegrationPayload(integration=integration, user_errors=user_errors(outcome))
        return ConnectIntegrationPayload(integration=Integration.of(outcome), user_errors=[])

    @strawberry.mutation(
        description="Disconnect an integration: its steps become NONE, what is scheduled is canceled. When this "
        "answers, nothing more goes out."
    )
    async def disconnect_integration(
        self,
        info: Info,
        input: Annotated[DisconnectIntegrationInput, strawberry.argument(description="What to disconnect.")],  # noqa: A002
    ) -> DisconnectIntegrationPayload:
        outcome = await settled(info, _disconnect(info, input))
        if isinstance(outcome, Refusal):
            return DisconnectIntegrationPayload(integration=None, impact=None, user_errors=user_errors(outcome))
        integration, impact = outcome
        return DisconnectIntegrationPayload(
            integration=Integration.of(integration), impact=DisconnectImpact.of(impact), user_errors=[]
        )

    @strawberry.mutation(description="Edit a step of a collection cycle.")
    async def edit_step(
        self,
        info: Info,
        input: Annotated[EditStepInput, strawberry.argument(description="What to change.")],  # noqa: A002
    ) -> StepPayload:
        outcome = await settled(info, _edit(info, input))
        if isinstance(outcome, Refusal):
            found = outcome.found
            step = CollectionStep.of(found) if isinstance(found, tables.CollectionStep) else None
            return StepPayload(step=step, user_errors=user_errors(outcome))
        return StepPayload(step=CollectionStep.of(outcome), user_errors=[])

    @strawberry.mutation(description="Open cases in bulk, each once by its external reference.")
    async def open_collection_cases(
        self,
        info: Info,
        input: Annotated[OpenCollectionCasesInput, strawberry.argument(description="The cases.")],  # noqa: A002
    ) -> OpenCollectionCasesPayload:
        outcome = await settled(info, _open(info, input))
        if isinstance(outcome, Refusal):
            return OpenCollectionCasesPayload(cases=None, user_errors=user_errors(outcome))
        return OpenCollectionCasesPayload(cases=[CollectionCase.of(row) for row in outcome], user_errors=[])


async def _connect(info: Info, given: ConnectIntegrationInput) -> tables.Integration:
    services = info.context.services
    if given.twilio is not None and given.smtp is not None:
        raise refuse(ProblemCode.INVALID, "Give twilio for SMS or smtp for EMAIL, not both.", "smtp")
    own = given.twilio or given.smtp
    return await connect_integration(
        services.store,
        info.context.viewer,
        services.channels,
        services.vault,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        kind=given.kind,
        account=own.account() if own else services.default_accounts.get(given.kind),
        reply_to=given.reply_to,
        now=datetime.now(UTC),
        idempotency_key=given.idempotency_key,
    )


async def _disconnect(info: Info, given: DisconnectIntegrationInput) -> tuple[tables.Integration, Impact]:
    return await disconnect_integration(
        info.context.services.store,
        info.context.viewer,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        kind=given.kind,
        confirmed=given.confirmed,
        impact_token=given.impact_token,
        now=datetime.now(UTC),
        idempotency_key=given.idempotency_key,
    )


async def _edit(info: Info, given: EditStepInput) -> tables.CollectionStep:
    return await edit_step(
        info.context.services.store,
        info.context.viewer,
        step_id=row_id("CollectionStep", given.step_id, "stepId"),
        expected_version=given.expected_version,
        edit=given.edit(),
        apply_to_open_cases=given.apply_to_open_cases,
        once=once(given.idempotency_key),
    )


async def _open(info: Info, given: OpenCollectionCasesInput) -> list[tables.CollectionCase]:
    return await open_cases(
        info.context.services.store,
        info.context.viewer,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        cycle_id=row_id("CollectionCycle", given.cycle_id, "cycleId"),
        cases=[case.case() for case in given.cases],
        now=datetime.now(UTC),
        once=once(given.idempotency_key),
    )
