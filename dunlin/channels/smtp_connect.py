"""The way to one mail server: which may be connected to, and a connection that may be given keys and mails."""

import asyncio
import re
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import cast

import aiosmtplib
from aiohappyeyeballs import AddrInfoType, start_connection

from dunlin.channels.smtp_errors import NotReached, Rejected, Stage, Unfit, read_reply
from dunlin.domain.carrier import SmtpCredentials

PORTS = (25, 465, 587, 2525)
_IMPLICIT_TLS = 465
_HOST = re.compile(r"(?=.{1,253}\Z)(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})*")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOOK_UPS = 16  # threads: a name server that does not answer holds one of them for long

# What OpenSSL calls the ways in which a certificate is wrong (X509_V_ERR_...).
_EXPIRED = frozenset({10})
_NOT_YET_VALID = frozenset({9})
_OTHER_NAME = frozenset({62, 64})

_TLS_MISSING = "The mail server offers no encryption (STARTTLS)."


class Network:
    """Names and addresses, as this machine sees them."""

    def __init__(self) -> None:
        # Not the loop's own threads, few as they are: others wait for these.
        self._threads = ThreadPoolExecutor(_LOOK_UPS, "mail-server-name")

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfoType]:
        """Return where `host` is, or raise `OSError`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        )

    async def dial(self, addresses: Sequence[AddrInfoType]) -> socket.socket:
        """Return a socket that is connected to one of them, or raise `OSError`."""
        return await start_connection(addresses, happy_eyeballs_delay=0.25)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Road:
    """How servers are reached. `trusted_hosts` are "host" or "host:port" in the operator's own network: they may have
    private addresses, any port and no TLS, and their certificates are not looked at. `own_name` is what we greet with.
    """

    network: Network
    trusted_hosts: frozenset[str]
    tls: ssl.SSLContext
    own_name: str | None = None

    def trusts(self, credentials: SmtpCredentials) -> bool:
        host = credentials.host.casefold()
        return host in self.trusted_hosts or f"{host}:{credentials.port}" in self.trusted_hosts

    def host_flaw(self, credentials: SmtpCredentials) -> str | None:
        """Return what is wrong with the host or the port as they are written."""
        if not is_host(credentials.host):
            return "The mail server should be a host's name, like mail.example.com."
        if not 1 <= credentials.port <= 65535:
            return "The port should be a number from 1 to 65535."
        if credentials.port not in PORTS and not self.trusts(credentials):
            return "The port should be 587, 465, 2525 or 25."
        return None

    async def connect(self, credentials: SmtpCredentials) -> aiosmtplib.SMTP:
        """Return a connection that is ready for mail: greeted, encrypted and logged in. Or raise `MailFailed`.

        Bounded by nothing but its caller.
        """
        if flaw := self.host_flaw(credentials) or keys_flaw(credentials):
            raise Unfit(flaw)
        connected = await self._reach(credentials)
        client = self._client(credentials, connected)
        try:
            await self._prepare(client, credentials)
        except BaseException:
            abort(client)
            connected.close()
            raise
        return client

    async def _reach(self, credentials: SmtpCredentials) -> socket.socket:
        try:
            addresses = await self.network.resolve(credentials.host, credentials.port)
        except (OSError, UnicodeError) as error:
            raise NotReached("The mail server's name was not found.") from error
        if not addresses:
            raise NotReached("The mail server's name was not found.")
        # All of them: which one is taken must not be left to whoever answers for the name.
        if not self.trusts(credentials) and not all(is_public(str(address[4][0])) for address in addresses):
            raise Unfit("The mail server has an address that is not public: only the operator can allow it.")
        try:
            return await self.network.dial(addresses)
        except OSError as error:
            raise NotReached("The mail server could not be reached.") from error

    def _client(self, credentials: SmtpCredentials, connected: socket.socket) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=credentials.host,
            sock=connected,
            local_hostname=self.own_name or _literal(connected),
            timeout=None,  # all of it is bounded by whoever asks
            use_tls=credentials.port == _IMPLICIT_TLS,
            start_tls=False,
            tls_context=_unverified() if self.trusts(credentials) else self.tls,
        )

    async def _prepare(self, client: aiosmtplib.SMTP, credentials: SmtpCredentials) -> None:
        try:
            await client.connect()
            await client.ehlo()
            await self._encrypt(client, credentials)
        except aiosmtplib.SMTPResponseException as error:
            raise Rejected(Stage.GREETING, read_reply(error.code, error.message)) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            cause = error if isinstance(error, ssl.SSLError) else error.__cause__
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise Unfit(_certificate_flaw(cause)) from None
            if isinstance(cause, ssl.SSLError):
                raise NotReached("No encrypted connection to the mail server came about.") from None
            raise NotReached("The mail server closed the connection.") from None
        await _log_in(client, credentials)

    async def _encrypt(self, client: aiosmtplib.SMTP, credentials: SmtpCredentials) -> None:
        if client.get_transport_info("sslcontext") is not None:
            return
        if client.supports_extension("starttls"):
            await client.starttls()
            await client.ehlo()
        elif not self.trusts(credentials):
            raise Unfit(_TLS_MISSING)


async def _log_in(client: aiosmtplib.SMTP, credentials: SmtpCredentials) -> None:
    """Try what both sides know, as some servers offer what they then refuse. The first refusal is what counts."""
    if not (credentials.username and credentials.password):
        return
    methods = {"cram-md5": client.auth_crammd5, "plain": client.auth_plain, "login": client.auth_login}
    # In clear, the one that does not show the password comes first.
    is_encrypted = client.get_transport_info("sslcontext") is not None
    offered = sorted(client.supported_auth_methods, key=lambda name: is_encrypted and name == "cram-md5")
    if not offered:
        raise Unfit("The mail server offers no login with a user name and a password.")
    refusal: Rejected | None = None
    for name in offered:
        try:
            await methods[name](credentials.username, credentials.password)
        except aiosmtplib.SMTPResponseException as error:
            refusal = refusal or Rejected(Stage.LOGIN, read_reply(error.code, error.message))
        except (aiosmtplib.SMTPException, OSError, ValueError):
            break
        else:
            return
    raise refusal or NotReached("The mail server broke off the login.")


def abort(client: aiosmtplib.SMTP) -> None:
    """Drop the connection at once, with whatever has not left yet. `close` would still send that."""
    if client.transport is not None:
        cast("asyncio.WriteTransport", client.transport).abort()
    client.close()


def is_host(text: str) -> bool:
    return bool(_HOST.fullmatch(text)) or _ip(text) is not None


def is_public(text: str) -> bool:
    """Return whether an address belongs to the public network, also where it wraps another."""
    address = _ip(text)
    if address is None or address.is_multicast or not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return True
    wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
    if address in _NAT64:
        wrapped = IPv4Address(int(address) & 0xFFFFFFFF)
    return wrapped is None or (wrapped.is_global and not wrapped.is_multicast)


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _literal(connected: socket.socket) -> str:
    """Return our address as RFC 5321 (4.1.3) writes it: our name would be a secret to some and a lie to others."""
    address = str(connected.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _certificate_flaw(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _EXPIRED:
        return "The mail server's certificate has expired."
    if error.verify_code in _NOT_YET_VALID:
        return "The mail server's certificate is not valid yet."
    if error.verify_code in _OTHER_NAME:
        return "The mail server's certificate is for another name."
    return "The mail server's certificate is not from an authority that is trusted here."


def keys_flaw(credentials: SmtpCredentials) -> str | None:
    """Return what is missing of the keys."""
    if credentials.username and not credentials.password:
        return "The password is missing."
    if credentials.password and not credentials.username:
        return "The user name is missing."
    return None
