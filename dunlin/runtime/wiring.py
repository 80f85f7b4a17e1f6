"""The composition root: the only place where classes are chosen."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from arq.connections import ArqRedis

from dunlin.channels.smtp import SmtpChannel
from dunlin.channels.smtp_transport import SmtpTransport
from dunlin.channels.twilio import TwilioChannel
from dunlin.channels.twilio_transport import Transport
from dunlin.domain.actions.connect_integration import CarrierAccount
from dunlin.domain.carrier import Sender, SenderKind, TwilioCredentials
from dunlin.domain.channel import Channels
from dunlin.domain.choices import IntegrationKind, IntegrationProvider
from dunlin.domain.records import read_by_ids
from dunlin.domain.store import Store
from dunlin.domain.tables import Organization
from dunlin.domain.times import SendingTimes
from dunlin.domain.vault import Vault
from dunlin.runtime.allowance import Allowance
from dunlin.runtime.bell import RedisBell, open_redis
from dunlin.runtime.database import open_database
from dunlin.runtime.gathered import Gathered
from dunlin.runtime.issuer_keys import KeyTimes
from dunlin.runtime.pacer import Pacer
from dunlin.runtime.settings import Settings, credentials_of
from dunlin.runtime.sign_in import SignIn, open_sign_in
from dunlin.runtime.vault import AesVault


@dataclass(frozen=True, slots=True)
class Services:
    """What a process stands on. `default_accounts` are what one connects with who brings no account.

    `sign_in` checks the tokens of users; None where no issuer of such is set. `organizations` reads together those that
    are asked for at the same time, by their ids, to be looked at only.
    """

    settings: Settings
    store: Store
    vault: Vault
    channels: Channels
    redis: ArqRedis
    pacer: Pacer
    allowance: Allowance
    default_accounts: Mapping[IntegrationKind, CarrierAccount]
    sign_in: SignIn | None
    organizations: Gathered[int, Organization]


@asynccontextmanager
async def open_services(
    settings: Settings, times: SendingTimes = SendingTimes(), longest_statement: timedelta | None = None
) -> AsyncIterator[Services]:
    """Open everything for settings whose addresses are all set, and close it again."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(open_database(settings.database_url, longest_statement=longest_statement))
        redis = open_redis(settings.redis_url)
        stack.push_async_callback(redis.aclose, close_connection_pool=True)
        counting = redis.client()  # one connection, kept: a pool looks at each that it gives out, which takes long
        stack.push_async_callback(counting.aclose)
        bell = await stack.enter_async_context(aclosing(RedisBell(redis)))
        transport = await stack.enter_async_context(Transport(settings.twilio_url, times.answer, times.connect))
        mail_transport = await stack.enter_async_context(
            SmtpTransport(times.connect, times.answer, _trusted_hosts(settings), own_name=_own_name(settings))
        )
        sign_in = await stack.enter_async_context(open_sign_in(settings, KeyTimes()))
        twilio = TwilioChannel(settings.callback_base, transport)
        smtp = SmtpChannel(settings.callback_base, mail_transport, settings.bounce_address)
        yield Services(
            settings=settings,
            store=Store(bell, times),
            vault=AesVault(settings.secret_keys),
            channels=Channels(
                texting={IntegrationProvider.TWILIO: twilio, IntegrationProvider.SANDBOX: twilio},
                mail={IntegrationProvider.SMTP: smtp, IntegrationProvider.SANDBOX: smtp},
            ),
            redis=redis,
            pacer=Pacer(redis),
            allowance=Allowance(counting, settings.rate_limit),
            default_accounts=_default_accounts(settings),
            sign_in=sign_in,
            organizations=Gathered(partial(read_by_ids, Organization)),
        )


def _default_accounts(settings: Settings) -> dict[IntegrationKind, CarrierAccount]:
    accounts = {
        IntegrationKind.SMS: _texting_account(settings),
        IntegrationKind.EMAIL: _mailing_account(settings),
    }
    return {kind: account for kind, account in accounts.items() if account is not None}


def _texting_account(settings: Settings) -> CarrierAccount | None:
    """Return the operator's own account, or the sandbox's where a test server stands in for Twilio."""
    if settings.twilio_account_sid and settings.twilio_auth_token and settings.twilio_sender:
        credentials = TwilioCredentials(settings.twilio_account_sid, settings.twilio_auth_token)
        return CarrierAccount(IntegrationProvider.TWILIO, credentials, sender_of(settings.twilio_sender))
    if not _has_test_server(settings):
        return None
    if settings.sandbox_account_sid and settings.sandbox_auth_token and settings.sandbox_sender:
        credentials = TwilioCredentials(settings.sandbox_account_sid, settings.sandbox_auth_token)
        return CarrierAccount(IntegrationProvider.SANDBOX, credentials, sender_of(settings.sandbox_sender))
    return None


def _mailing_account(settings: Settings) -> CarrierAccount | None:
    """Return the operator's own mail server, or the sandbox's."""
    if settings.smtp_url and settings.smtp_from:
        sender = Sender(SenderKind.EMAIL_ADDRESS, settings.smtp_from)
        return CarrierAccount(IntegrationProvider.SMTP, credentials_of(settings.smtp_url), sender)
    if settings.sandbox_smtp_url and settings.sandbox_smtp_from:
        sender = Sender(SenderKind.EMAIL_ADDRESS, settings.sandbox_smtp_from)
        return CarrierAccount(IntegrationProvider.SANDBOX, credentials_of(settings.sandbox_smtp_url), sender)
    return None


def _own_name(settings: Settings) -> str | None:
    """Return what we call ourselves to mail servers: the name in the public address, where it has one."""
    host = urlsplit(settings.public_url).hostname if settings.public_url else None
    return host if host and not host.replace(".", "").isdigit() and ":" not in host else None


def _trusted_hosts(settings: Settings) -> tuple[str, ...]:
    """Return the hosts of the operator's own network; the sandbox is one."""
    if settings.sandbox_smtp_url is None:
        return settings.smtp_trusted_hosts
    sandbox = credentials_of(settings.sandbox_smtp_url)
    return (*settings.smtp_trusted_hosts, f"{sandbox.host}:{sandbox.port}")


def _has_test_server(settings: Settings) -> bool:
    if settings.twilio_url is None:
        return False
    return not (urlsplit(settings.twilio_url).hostname or "").endswith("twilio.com")


def sender_of(text: str) -> Sender:
    """Read a sender as it stands in a setting: a number, a messaging service's id, or a name."""
    if text.startswith("+"):
        return Sender(SenderKind.PHONE_NUMBER, text)
    if text.startswith("MG") and len(text) == 34:
        return Sender(SenderKind.MESSAGING_SERVICE, text)
    return Sender(SenderKind.ALPHANUMERIC, text)
