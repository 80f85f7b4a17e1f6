"""Creating, renaming and closing organizations, and changing when their reminders may leave."""

from datetime import UTC, datetime
from typing import Annotated

import strawberry

from dunlin.api.context import Info
from dunlin.api.organization_inputs import (
    CloseOrganizationInput,
    CreateOrganizationInput,
    RenameOrganizationInput,
    SetReturnReasonInput,
    SetSpendingLimitInput,
    UpdateSendingPolicyInput,
)
from dunlin.api.settle import ERRORS, once, row_id, settled
from dunlin.api.types.node import UserError, user_errors
from dunlin.api.types.organization import Organization
from dunlin.domain import tables
from dunlin.domain.actions.close_organization import close_organization
from dunlin.domain.actions.create_organization import create_organization
from dunlin.domain.actions.rename_organization import rename_organization
from dunlin.domain.actions.set_return_reason import set_return_reason
from dunlin.domain.actions.set_spending_limit import set_spending_limit
from dunlin.domain.actions.update_sending_policy import update_sending_policy
from dunlin.domain.errors import Refusal
from dunlin.domain.rules.organization_input import NewOrganization


@strawberry.type(description="What became of a change of the organization itself.")
class OrganizationPayload:
    organization: Organization | None = strawberry.field(description="The organization as it is now.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type
class OrganizationMutation:
    @strawberry.mutation(description="For ADMIN of the whole account: create an organization, nothing connected.")
    async def create_organization(
        self,
        info: Info,
        input: Annotated[CreateOrganizationInput, strawberry.argument(description="The organization.")],  # noqa: A002
    ) -> OrganizationPayload:
        return _payload(await settled(info, _create(info, input)))

    @strawberry.mutation(
        description="For ADMIN: rename an organization. Texts that are planned already keep the former name."
    )
    async def rename_organization(
        self,
        info: Info,
        input: Annotated[RenameOrganizationInput, strawberry.argument(description="Which one, and how.")],  # noqa: A002
    ) -> OrganizationPayload:
        return _payload(await settled(info, _rename(info, input)))

    @strawberry.mutation(
        description="For ADMIN: close an organization. Every integration is disconnected with all that follows, every "
        "open case is closed as MANUAL. It can still be read. When this answers, nothing more goes out."
    )
    async def close_organization(
        self,
        info: Info,
        input: Annotated[CloseOrganizationInput, strawberry.argument(description="Which one.")],  # noqa: A002
    ) -> OrganizationPayload:
        return _payload(await settled(info, _close(info, input)))

    @strawberry.mutation(
        description="Choose what cases do about a return reason. MD07, the debtor has died, cannot be chosen otherwise."
    )
    async def set_return_reason(
        self,
        info: Info,
        input: Annotated[SetReturnReasonInput, strawberry.argument(description="Which reason, and what.")],  # noqa: A002
    ) -> OrganizationPayload:
        return _payload(await settled(info, _set_return_reason(info, input)))

    @strawberry.mutation(
        description="Set, change or remove what an organization's texts may cost a month. What would exceed it stays "
        "SCHEDULED and goes next month; what waits is looked at again at once. When this answers, nothing begins any "
        "more by the former limit."
    )
    async def set_spending_limit(
        self,
        info: Info,
        input: Annotated[SetSpendingLimitInput, strawberry.argument(description="Whose, and how much.")],  # noqa: A002
    ) -> OrganizationPayload:
        return _payload(await settled(info, _set_spending_limit(info, input)))

    @strawberry.mutation(description="Change when an organization's reminders may leave.")
    async def update_sending_policy(
        self,
        info: Info,
        input: Annotated[UpdateSendingPolicyInput, strawberry.argument(description="The new window.")],  # noqa: A002
    ) -> OrganizationPayload:
        return _payload(await settled(info, _update_policy(info, input)))


def _payload(outcome: tables.Organization | Refusal) -> OrganizationPayload:
    if isinstance(outcome, Refusal):
        return OrganizationPayload(organization=None, user_errors=user_errors(outcome))
    return OrganizationPayload(organization=Organization.of(outcome), user_errors=[])


async def _create(info: Info, given: CreateOrganizationInput) -> tables.Organization:
    new = NewOrganization(given.name, given.country, given.time_zone, given.default_language)
    return await create_organization(info.context.services.store, info.context.viewer, new)


async def _rename(info: Info, given: RenameOrganizationInput) -> tables.Organization:
    return await rename_organization(
        info.context.services.store,
        info.context.viewer,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        name=given.name,
    )


async def _close(info: Info, given: CloseOrganizationInput) -> tables.Organization:
    return await close_organization(
        info.context.services.store,
        info.context.viewer,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        confirmed=given.confirmed,
        now=datetime.now(UTC),
    )


async def _set_return_reason(info: Info, given: SetReturnReasonInput) -> tables.Organization:
    return await set_return_reason(
        info.context.services.store,
        info.context.viewer,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        code=given.code,
        reaction=given.reaction,
    )


async def _set_spending_limit(info: Info, given: SetSpendingLimitInput) -> tables.Organization:
    return await set_spending_limit(
        info.context.services.store,
        info.context.viewer,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        limit=given.cost(),
        now=datetime.now(UTC),
        once=once(given.idempotency_key),
    )


async def _update_policy(info: Info, given: UpdateSendingPolicyInput) -> tables.Organization:
    return await update_sending_policy(
        info.context.services.store,
        info.context.viewer,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        edit=given.edit(),
        now=datetime.now(UTC),
    )
