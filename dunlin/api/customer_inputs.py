"""The inputs of what is changed about a customer, and about what customers answer."""

import strawberry

from dunlin.api.inputs import IDEMPOTENCY_KEY
from dunlin.domain.actions.opt_out_customer import Said
from dunlin.domain.choices import IntegrationKind, OptOutSource


@strawberry.input(description="The right number of a customer.")
class ChangeCustomerPhoneInput:
    customer_id: strawberry.ID = strawberry.field(description="The customer.")
    phone: str = strawberry.field(
        description="In E.164, or as it is dialed within the organization's country. The same number again says that "
        "it is right."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="The right e-mail address of a customer.")
class ChangeCustomerEmailInput:
    customer_id: strawberry.ID = strawberry.field(description="The customer.")
    email: str = strawberry.field(
        description="Such as ada@example.com; kept in lower case. The same address again says that it is right."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A text that has been dealt with.")
class MarkInboundTextReadInput:
    inbound_text_id: strawberry.ID = strawberry.field(description="The text.")


@strawberry.input(description="That a customer refuses SMS or e-mail.")
class OptOutCustomerInput:
    customer_id: strawberry.ID = strawberry.field(description="The customer.")
    source: OptOutSource = strawberry.field(description="Which way it was said; anything but CARRIER.")
    proof: str = strawberry.field(description="What was said, or where it is filed: 1 to 1,000 characters.")
    kind: IntegrationKind = strawberry.field(
        default=IntegrationKind.SMS, description="Which kind of messages it was about."
    )

    def said(self) -> Said:
        return Said(self.source, self.proof, self.kind)


@strawberry.input(description="That a customer wants SMS or e-mail again.")
class OptInCustomerInput:
    customer_id: strawberry.ID = strawberry.field(description="The customer.")
    source: OptOutSource = strawberry.field(description="Which way it was said; anything but CARRIER.")
    proof: str = strawberry.field(description="What was said, or where it is filed: 1 to 1,000 characters.")
    kind: IntegrationKind = strawberry.field(
        default=IntegrationKind.SMS, description="Which kind of messages it was about."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)

    def said(self) -> Said:
        return Said(self.source, self.proof, self.kind)
