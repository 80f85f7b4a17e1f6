"""What can be changed about a customer, and about what customers answer."""

from datetime import UTC, datetime
from typing import Annotated

import strawberry

from dunlin.api.context import Info
from dunlin.api.customer_inputs import (
    ChangeCustomerEmailInput,
    ChangeCustomerPhoneInput,
    MarkInboundTextReadInput,
    OptInCustomerInput,
    OptOutCustomerInput,
)
from dunlin.api.inputs import RegisterMandatesInput
from dunlin.api.settle import ERRORS, once, row_id, settled
from dunlin.api.types.customer import Customer, Mandate
from dunlin.api.types.inbound import InboundText
from dunlin.api.types.node import UserError, user_errors
from dunlin.domain import tables
from dunlin.domain.actions.change_customer_address import change_customer_email, change_customer_phone
from dunlin.domain.actions.mark_inbound_text_read import mark_inbound_text_read
from dunlin.domain.actions.opt_out_customer import opt_in_customer, opt_out_customer
from dunlin.domain.actions.register_mandates import register_mandates
from dunlin.domain.errors import Refusal


@strawberry.type(description="What became of a change of a customer.")
class CustomerPayload:
    customer: Customer | None = strawberry.field(description="The customer as it is now.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)

    @classmethod
    def of(cls, outcome: tables.Customer | Refusal) -> "CustomerPayload":
        if isinstance(outcome, Refusal):
            return cls(customer=None, user_errors=user_errors(outcome))
        # Whoever may change a customer holds COLLECT.
        return cls(customer=Customer.of(outcome, may_see=True), user_errors=[])


@strawberry.type(description="What became of markInboundTextRead.")
class InboundTextPayload:
    inbound_text: InboundText | None = strawberry.field(description="The text as it is now.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type(description="What became of registerMandates.")
class RegisterMandatesPayload:
    mandates: list[Mandate] | None = strawberry.field(description="One per entry, in the order of the input.")
    user_errors: list[UserError] = strawberry.field(description=ERRORS)


@strawberry.type
class CustomerMutation:
    @strawberry.mutation(
        description="Register mandates of direct debits, so that a bank's file of returns tells whom they are about. "
        "Each is one customer's for good; of the customers the newest values are kept."
    )
    async def register_mandates(
        self,
        info: Info,
        input: Annotated[RegisterMandatesInput, strawberry.argument(description="The mandates.")],  # noqa: A002
    ) -> RegisterMandatesPayload:
        outcome = await settled(info, _register(info, input))
        if isinstance(outcome, Refusal):
            return RegisterMandatesPayload(mandates=None, user_errors=user_errors(outcome))
        return RegisterMandatesPayload(mandates=[Mandate.of(row) for row in outcome], user_errors=[])

    @strawberry.mutation(
        description="Correct a customer's phone number. What is scheduled goes there, and what was wrong with the old "
        "number is forgotten."
    )
    async def change_customer_phone(
        self,
        info: Info,
        input: Annotated[ChangeCustomerPhoneInput, strawberry.argument(description="The number.")],  # noqa: A002
    ) -> CustomerPayload:
        return CustomerPayload.of(await settled(info, _change_phone(info, input)))

    @strawberry.mutation(
        description="Correct a customer's e-mail address. What is scheduled goes there, and what was wrong with the "
        "old address is forgotten."
    )
    async def change_customer_email(
        self,
        info: Info,
        input: Annotated[ChangeCustomerEmailInput, strawberry.argument(description="The address.")],  # noqa: A002
    ) -> CustomerPayload:
        return CustomerPayload.of(await settled(info, _change_email(info, input)))

    @strawberry.mutation(
        description="Put down that a customer refuses SMS or e-mail: everybody with the number or address gets none "
        "from this organization, and what is scheduled is canceled. One who has opted out already stays as is."
    )
    async def opt_out_customer(
        self,
        info: Info,
        input: Annotated[OptOutCustomerInput, strawberry.argument(description="What was said.")],  # noqa: A002
    ) -> CustomerPayload:
        return CustomerPayload.of(await settled(info, _opt_out(info, input)))

    @strawberry.mutation(
        description="Put down that a customer wants SMS or e-mail again. Nothing that was canceled or skipped comes "
        "back. A carrier of texts keeps refusals of its own, which only the recipient can lift, by texting START."
    )
    async def opt_in_customer(
        self,
        info: Info,
        input: Annotated[OptInCustomerInput, strawberry.argument(description="What was said.")],  # noqa: A002
    ) -> CustomerPayload:
        return CustomerPayload.of(await settled(info, _opt_in(info, input)))

    @strawberry.mutation(
        description="Say that a text that came in has been dealt with. When none is left, the case no longer asks for "
        "attention because of them."
    )
    async def mark_inbound_text_read(
        self,
        info: Info,
        input: Annotated[MarkInboundTextReadInput, strawberry.argument(description="Which text.")],  # noqa: A002
    ) -> InboundTextPayload:
        outcome = await settled(info, _mark_read(info, input))
        if isinstance(outcome, Refusal):
            return InboundTextPayload(inbound_text=None, user_errors=user_errors(outcome))
        return InboundTextPayload(inbound_text=InboundText.of(outcome, may_see=True), user_errors=[])


async def _register(info: Info, given: RegisterMandatesInput) -> list[tables.Mandate]:
    return await register_mandates(
        info.context.services.store,
        info.context.viewer,
        organization_id=row_id("Organization", given.organization_id, "organizationId"),
        mandates=[mandate.mandate() for mandate in given.mandates],
        now=datetime.now(UTC),
        once=once(given.idempotency_key),
    )


async def _change_phone(info: Info, given: ChangeCustomerPhoneInput) -> tables.Customer:
    return await change_customer_phone(
        info.context.services.store,
        info.context.viewer,
        customer_id=row_id("Customer", given.customer_id, "customerId"),
        number=given.phone,
        now=datetime.now(UTC),
        once=once(given.idempotency_key),
    )


async def _change_email(info: Info, given: ChangeCustomerEmailInput) -> tables.Customer:
    return await change_customer_email(
        info.context.services.store,
        info.context.viewer,
        customer_id=row_id("Customer", given.customer_id, "customerId"),
        address=given.email,
        now=datetime.now(UTC),
        once=once(given.idempotency_key),
    )


async def _mark_read(info: Info, given: MarkInboundTextReadInput) -> tables.InboundText:
    return await mark_inbound_text_read(
        info.context.services.store,
        info.context.viewer,
        inbound_text_id=row_id("InboundText", given.inbound_text_id, "inboundTextId"),
        now=datetime.now(UTC),
    )


async def _opt_out(info: Info, given: OptOutCustomerInput) -> tables.Customer:
    return await opt_out_customer(
        info.context.services.store,
        info.context.viewer,
        customer_id=row_id("Customer", given.customer_id, "customerId"),
        said=given.said(),
        now=datetime.now(UTC),
    )


async def _opt_in(info: Info, given: OptInCustomerInput) -> tables.Customer:
    return await opt_in_customer(
        info.context.services.store,
        info.context.viewer,
        customer_id=row_id("Customer", given.customer_id, "customerId"),
        said=given.said(),
        now=datetime.now(UTC),
        once=once(given.idempotency_key),
    )
