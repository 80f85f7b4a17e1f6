"""The inputs of connecting and disconnecting, and how an account becomes what an action takes."""

import strawberry

from dunlin.api.inputs import IDEMPOTENCY_KEY
from dunlin.api.scalars import PhoneNumber
from dunlin.domain.actions.connect_integration import CarrierAccount
from dunlin.domain.carrier import Sender, SenderKind, SmtpCredentials, TwilioCredentials
from dunlin.domain.choices import IntegrationKind, IntegrationProvider


@strawberry.input(one_of=True, description="Who the texts come from: exactly one of these.")
class SmsSenderInput:
    phone_number: strawberry.Maybe[PhoneNumber] = strawberry.field(description="A number of the account.")
    messaging_service_sid: strawberry.Maybe[str] = strawberry.field(
        description="A messaging service of the account: MG and 32 hexadecimal digits."
    )
    alphanumeric: strawberry.Maybe[str] = strawberry.field(
        description="A name of up to 11 characters, where the countries allow it. Customers cannot answer."
    )

    def sender(self) -> Sender:
        if self.phone_number is not None:
            return Sender(SenderKind.PHONE_NUMBER, self.phone_number.value)
        if self.messaging_service_sid is not None:
            return Sender(SenderKind.MESSAGING_SERVICE, self.messaging_service_sid.value)
        assert self.alphanumeric is not None, "the schema lets exactly one through"
        return Sender(SenderKind.ALPHANUMERIC, self.alphanumeric.value)


@strawberry.input(description="A Twilio account of one's own.")
class TwilioInput:
    account_sid: str = strawberry.field(description="The account's SID: AC and 32 hexadecimal digits.")
    auth_token: str = strawberry.field(description="The account's auth token. Stored encrypted, never shown again.")
    sender: SmsSenderInput = strawberry.field(description="Who the texts come from.")
    api_key_sid: str | None = strawberry.field(default=None, description="An API key for sending: its SID, SK...")
    api_key_secret: str | None = strawberry.field(default=None, description="The API key's secret.")

    def account(self) -> CarrierAccount:
        credentials = TwilioCredentials(
            self.account_sid.strip(),
            self.auth_token.strip(),
            self.api_key_sid.strip() if self.api_key_sid else None,
            self.api_key_secret.strip() if self.api_key_secret else None,
        )
        return CarrierAccount(IntegrationProvider.TWILIO, credentials, self.sender.sender())


@strawberry.input(description="A mail server of one's own.")
class SmtpInput:
    host: str = strawberry.field(description="Its name, e.g. smtp.example.com.")
    from_address: str = strawberry.field(
        description="Who the e-mails come from, e.g. billing@example.com. The server must let this account use it."
    )
    port: int = strawberry.field(
        default=587, description="587 or 2525 (STARTTLS), 465 (TLS from the start), or 25 (STARTTLS)."
    )
    username: str | None = strawberry.field(
        default=None, description="Who logs in. Null where the server knows us by our address."
    )
    password: str | None = strawberry.field(
        default=None, description="The password or app password. Stored encrypted, never shown again."
    )

    def account(self) -> CarrierAccount:
        credentials = SmtpCredentials(
            self.host.strip().lower(),
            self.port,
            self.username.strip() if self.username else None,
            self.password or None,
        )
        sender = Sender(SenderKind.EMAIL_ADDRESS, self.from_address.strip())
        return CarrierAccount(IntegrationProvider.SMTP, credentials, sender)


@strawberry.input(
    description="Without twilio or smtp the operator's own account is used, or the sandbox where the operator has none."
)
class ConnectIntegrationInput:
    organization_id: strawberry.ID = strawberry.field(description="The organization to connect it for.")
    kind: IntegrationKind = strawberry.field(description="Which integration.")
    twilio: TwilioInput | None = strawberry.field(default=None, description="The account to connect SMS with.")
    smtp: SmtpInput | None = strawberry.field(default=None, description="The mail server to connect EMAIL with.")
    reply_to: str | None = strawberry.field(
        default=None,
        description="Where answers to e-mails go, e.g. billing@example.com; without it to the sender. Only for EMAIL.",
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="What to disconnect, and that the consequences have been read.")
class DisconnectIntegrationInput:
    organization_id: strawberry.ID = strawberry.field(description="The organization to disconnect it for.")
    kind: IntegrationKind = strawberry.field(description="Which integration.")
    confirmed: bool = strawberry.field(description="Must be true: nothing of this can be undone.")
    impact_token: str | None = strawberry.field(
        default=None, description="disconnectImpact.token, to be refused if the figures have changed since."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)
