"""Connect an integration: check the account with the carrier, then store it sealed."""

import json
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import assert_never

from dunlin.domain.carrier import (
    CarrierUnavailable,
    Credentials,
    CredentialsRejected,
    HostRejected,
    Sender,
    SenderKind,
    SenderRejected,
    TwilioCredentials,
    Verdict,
)
from dunlin.domain.channel import Channels
from dunlin.domain.choices import AuditAction, IntegrationKind, IntegrationProvider, IntegrationStatus, Permission
from dunlin.domain.errors import ProblemCode, Refusal, refuse
from dunlin.domain.idempotency import RowOf, earlier_answer, once, request_of
from dunlin.domain.price_list import fetch_anew
from dunlin.domain.rules.case_input import check_email
from dunlin.domain.rules.recipient import words_of
from dunlin.domain.store import Store, Transaction, require_open
from dunlin.domain.tables import Connection, Integration
from dunlin.domain.vault import Vault
from dunlin.domain.viewer import Viewer

_ANSWER = RowOf(Integration)


@dataclass(frozen=True, slots=True)
class CarrierAccount:
    """What to connect with."""

    provider: IntegrationProvider
    credentials: Credentials
    sender: Sender


async def connect_integration(
    store: Store,
    viewer: Viewer,
    channels: Channels,
    vault: Vault,
    *,
    organization_id: int,
    kind: IntegrationKind,
    account: CarrierAccount | None,
    now: datetime,
    reply_to: str | None = None,
    idempotency_key: str | None = None,
) -> Integration:
    """Return the connected integration. Nothing of a former configuration comes back.

    A carrier of texts is asked to bring what comes in to us, but never instead of bringing it to somebody else.
    `reply_to` is where answers to e-mails go, if not to their sender.

    Refuses with NOT_FOUND, INVALID (an account or an address for answers that does not fit), REQUIRED (no account
    given and none of the operator's), ALREADY_CONNECTED, CREDENTIALS_REJECTED, SENDER_REJECTED, CARRIER_UNAVAILABLE
    or IDEMPOTENCY_KEY_REUSED; nothing is stored then.
    """
    viewer.require(Permission.CONFIGURE)
    organization = await viewer.organization(organization_id, "organizationId")
    integration = await Integration.get(organization_id=organization.id, kind=kind)
    secret = account and vault.digest(json.dumps(asdict(account)))
    content = {"organization": organization.id, "kind": kind, "account": secret, "replyTo": reply_to}
    request = request_of(viewer, organization.id, idempotency_key, "connectIntegration", content)
    # Read after the integration: whoever connected it under this key is known by then.
    if earlier := await earlier_answer(request, now):
        return await _ANSWER.recall(earlier)
    _require_unconnected(integration)
    account = _require_fitting(kind, account, reply_to)
    channel = channels.of(kind, account.provider)
    _require_good(kind, await channel.check(account.credentials, account.sender))
    sealed = vault.seal(account.credentials, organization_id=organization.id)

    async def connect(transaction: Transaction) -> Integration:
        def work() -> Awaitable[Integration]:
            return _connect(transaction, viewer, integration.id, account, reply_to, sealed, now)

        return await once(transaction, request, now, work, _ANSWER)

    connected = await store.transact(connect)
    if kind is IntegrationKind.SMS and await _route_inbound(channels, account, connected):
        await Connection.filter(id=connected.connection_id).update(inbound_is_set=True)
    return connected


async def _route_inbound(channels: Channels, account: CarrierAccount, connected: Integration) -> bool:
    if not isinstance(account.credentials, TwilioCredentials):
        return False
    channel = channels.texting[account.provider]
    return await channel.route_inbound(account.credentials, account.sender, connected.inbound_key)


async def _connect(
    transaction: Transaction,
    viewer: Viewer,
    integration_id: int,
    account: CarrierAccount,
    reply_to: str | None,
    sealed_credentials: bytes,
    now: datetime,
) -> Integration:
    integration = await Integration.select_for_update().get(id=integration_id)
    await require_open(transaction, integration.organization_id)
    _require_unconnected(integration)
    status = integration.status
    connection = await Connection.create(
        organization_id=integration.organization_id,
        integration_id=integration.id,
        provider=account.provider,
        account_sid=account.credentials.account,
        reply_to=reply_to,
        sender_kind=account.sender.kind,
        sender=account.sender.value,
        sealed_credentials=sealed_credentials,
    )
    integration.status = IntegrationStatus.CONNECTED
    integration.connection_id = connection.id
    integration.connected_at = now
    integration.attention_reason = None
    integration.held_until = None
    integration.held_reason = None
    await integration.save()
    if integration.kind is IntegrationKind.SMS:
        await fetch_anew(transaction, integration.organization_id, now)
    transaction.audit(
        viewer,
        AuditAction.INTEGRATION_CONNECTED,
        ("Integration", integration.id),
        organization_id=integration.organization_id,
        before={"status": status},
        after={
            "status": integration.status,
            "provider": connection.provider,
            "account": connection.account_sid,
            "sender": connection.sender,
        },
    )
    transaction.reminders_due = True  # those that waited for good credentials
    return integration


def _require_unconnected(integration: Integration) -> None:
    if integration.status is IntegrationStatus.CONNECTED:
        raise refuse(
            ProblemCode.ALREADY_CONNECTED,
            f"{words_of(integration.kind).name} is connected already.",
            "kind",
            found=integration,
        )


def _require_fitting(kind: IntegrationKind, account: CarrierAccount | None, reply_to: str | None) -> CarrierAccount:
    if account is None:
        message = f"Give {_NAMES[kind]} to connect: this service has none of its own."
        raise refuse(ProblemCode.REQUIRED, message, _PATHS[kind])
    if (account.sender.kind is SenderKind.EMAIL_ADDRESS) is not (kind is IntegrationKind.EMAIL):
        raise refuse(ProblemCode.INVALID, f"{words_of(kind).name} is connected with {_NAMES[kind]}.", "kind")
    if reply_to is not None and kind is not IntegrationKind.EMAIL:
        raise refuse(ProblemCode.INVALID, "Only e-mails have an address for answers.", "replyTo")
    problems = list(check_email(reply_to, "replyTo")) if reply_to is not None else []
    if kind is IntegrationKind.EMAIL:
        problems += check_email(account.sender.value, _PATHS[kind], _SENDERS[kind])
    if problems:
        raise Refusal(problems)
    return account


_PATHS = {IntegrationKind.SMS: "twilio", IntegrationKind.EMAIL: "smtp"}
_NAMES = {IntegrationKind.SMS: "the Twilio account", IntegrationKind.EMAIL: "the mail server"}
_ACCOUNTS = {IntegrationKind.SMS: "accountSid", IntegrationKind.EMAIL: "username"}
_SENDERS = {IntegrationKind.SMS: "sender", IntegrationKind.EMAIL: "fromAddress"}


def _require_good(kind: IntegrationKind, verdict: Verdict) -> None:
    match verdict:
        case None:
            return
        case HostRejected(reason):
            raise refuse(ProblemCode.INVALID, reason, _PATHS[kind], "host")
        case CredentialsRejected(reason):
            raise refuse(ProblemCode.CREDENTIALS_REJECTED, reason, _PATHS[kind], _ACCOUNTS[kind])
        case SenderRejected(reason):
            raise refuse(ProblemCode.SENDER_REJECTED, reason, _PATHS[kind], _SENDERS[kind])
        case CarrierUnavailable(reason):
            raise refuse(ProblemCode.CARRIER_UNAVAILABLE, reason, _PATHS[kind])
        case _ as never:
            assert_never(never)
