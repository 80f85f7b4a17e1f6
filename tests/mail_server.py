"""A mail server on this machine that misbehaves on demand, and the certificates and ways to reach it by any name."""

import asyncio
import datetime as dt
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from aiohappyeyeballs import AddrInfoType
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dunlin.channels.smtp_connect import Network

END = b"\r\n.\r\n"


@dataclass
class Talk:
    """One connection: what the client has said on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    said: list[str] = field(default_factory=list)

    @property
    def verbs(self) -> list[str]:
        return [one.split(" ")[0] for one in self.said]

    async def say(self, text: str) -> None:
        self.writer.write(f"{text}\r\n".encode())
        await self.writer.drain()

    async def encrypt(self, tls: ssl.SSLContext) -> None:
        before = self.writer.transport
        try:
            await self.writer.start_tls(tls)
        finally:
            if self.writer.transport is None:  # so Python 3.11 leaves it where the client has gone
                self.writer._transport = before

    def hang_up(self) -> None:
        self.writer.transport.abort()


Behaviour = str | Callable[[Talk], Awaitable[None]]

USUAL: dict[str, Behaviour] = {
    "greeting": "220 mail.example.com ESMTP",
    "EHLO": "250-mail.example.com\r\n250 SIZE 1000000",
    "AUTH": "235 2.7.0 Welcome",
    "STARTTLS": "220 Go ahead",
    "MAIL": "250 2.1.0 Sender ok",
    "RCPT": "250 2.1.5 Recipient ok",
    "DATA": "354 Go ahead",
    "message": "250 2.0.0 Taken as 4711",
    "RSET": "250 2.0.0 Forgotten",
    "QUIT": "221 2.0.0 Bye",
}


async def hang_up(talk: Talk) -> None:
    talk.hang_up()


async def say_nothing(talk: Talk) -> None:
    """Hear what the client says, until it goes or the test is over."""
    while await talk.reader.read(1000):
        pass


def after(event: asyncio.Event, reply: str) -> Behaviour:
    """Return a behaviour that answers when `event` is set."""

    async def answer(talk: Talk) -> None:
        await event.wait()
        await talk.say(reply)

    return answer


class MailServer:
    """Answers each command as usual or as told, and keeps what it has taken: the contents it has consented to.

    `seen` are all contents, or parts of one, that have come here.
    """

    def __init__(
        self,
        behaviour: Mapping[str, Behaviour] | None = None,
        tls: ssl.SSLContext | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        self.behaviour: dict[str, Behaviour] = USUAL | dict(behaviour or {})
        self._tls = tls
        self._at_once = at_once
        self.port = 0
        self.talks: list[Talk] = []
        self.seen: list[bytes] = []
        self.taken: list[bytes] = []
        self.open = 0
        self.most_open = 0

    @property
    def verbs(self) -> list[str]:
        return [verb for talk in self.talks for verb in talk.verbs]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["MailServer"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls if self._at_once else None)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for talk in self.talks:
                talk.hang_up()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = Talk(reader, writer)
        self.talks.append(talk)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await self._react("greeting", talk)
            while line := await reader.readline():
                talk.said.append(line.decode().rstrip("\r\n"))
                await self._converse(talk)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            talk.hang_up()

    async def _converse(self, talk: Talk) -> None:
        verb = talk.said[-1].split(" ")[0]
        await self._react(verb, talk)
        if verb == "STARTTLS" and self.behaviour[verb] == USUAL[verb]:
            assert self._tls is not None
            await talk.encrypt(self._tls)
        elif verb == "DATA" and str(self.behaviour[verb]).startswith("354"):
            await self._read_content(talk)
        elif verb == "QUIT":
            talk.hang_up()

    async def _read_content(self, talk: Talk) -> None:
        try:
            content = await talk.reader.readuntil(END)
        except asyncio.IncompleteReadError as error:
            if error.partial:
                self.seen.append(error.partial)
            raise
        self.seen.append(content)
        reply = self.behaviour["message"]
        if isinstance(reply, str) and reply.startswith("2"):
            self.taken.append(content)
        await self._react("message", talk)

    async def _react(self, verb: str, talk: Talk) -> None:
        behaviour = self.behaviour.get(verb, "500 5.5.2 What?")
        if isinstance(behaviour, str):
            await talk.say(behaviour)
        else:
            await behaviour(talk)


class Loopback(Network):
    """Finds any name at `addresses`, and reaches a server on this machine there."""

    def __init__(self, port: int, addresses: Sequence[str] = ("8.8.4.4",)) -> None:
        super().__init__()
        self._port = port
        self._addresses = addresses
        self.dialed: list[str] = []

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfoType]:
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in self._addresses
        ]

    async def dial(self, addresses: Sequence[AddrInfoType]) -> socket.socket:
        self.dialed += [str(address[4][0]) for address in addresses]
        return await super().dial([(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", self._port))])


class Authority:
    """Signs certificates for servers, and is trusted by whoever uses `trust`."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
        self._certificate = (
            self._draft(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def trust(self) -> ssl.SSLContext:
        """Return the context of a client that trusts this authority and no other."""
        pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server(self, name: str, *, begins: int = -1, ends: int = 1) -> ssl.SSLContext:
        """Return the context of a server with a certificate for `name`, valid from and to so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        try:
            shown: x509.GeneralName = x509.IPAddress(ip_address(name))
        except ValueError:
            shown = x509.DNSName(name)
        certificate = (
            self._draft(subject, key.public_key(), begins, ends)
            .add_extension(x509.SubjectAlternativeName([shown]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            chain = Path(folder) / "chain.pem"
            chain.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
                + certificate.public_bytes(serialization.Encoding.PEM)
            )
            context.load_cert_chain(chain)
        return context

    def _draft(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, begins: int = -2, ends: int = 2
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + dt.timedelta(days=begins))
            .not_valid_after(now + dt.timedelta(days=ends))
        )
