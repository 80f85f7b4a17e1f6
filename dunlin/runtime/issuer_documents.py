"""What an issuer of tokens publishes: where its keys lie, and the keys."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from aiohttp import ClientError, ClientSession, DummyCookieJar
from cryptography.exceptions import UnsupportedAlgorithm
from jwt import PyJWK, PyJWTError

from dunlin.runtime.address import is_safe

_LARGEST = 256 * 1024  # the largest issuers publish some 40 kB

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}

Keys = Mapping[str, PyJWK]


class NoKeys(Exception):
    """The issuer's keys could not be had. The text says why, and repeats nothing of what was answered."""


class IssuerDocuments:
    """Asks one issuer for its keys, each time anew, within `answer_within` for all of it.

    Without `jwks_url` the issuer is asked where its keys lie first (OpenID Connect Discovery 1.0, section 4).
    """

    def __init__(
        self, session: ClientSession, issuer: str, jwks_url: str | None, algorithm: str, answer_within: timedelta
    ) -> None:
        self._session = session
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._algorithm = algorithm
        self._answer_within_s = answer_within.total_seconds()

    async def keys(self) -> Keys:
        """Return the keys by their ids, at least one, or raise `NoKeys`."""
        try:
            async with asyncio.timeout(self._answer_within_s):
                document = await self._document(self._jwks_url or await self._discovered())
        except (ClientError, OSError, ValueError) as error:  # a TimeoutError is an OSError
            raise NoKeys(type(error).__name__) from error
        keys = keys_of(document, self._algorithm)
        if not keys:
            raise NoKeys("it publishes no key to use")
        return keys

    async def _discovered(self) -> str:
        return keys_address(
            await self._document(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"), self._issuer
        )

    async def _document(self, address: str) -> Mapping[str, object]:
        async with self._session.get(address, allow_redirects=False, headers=_HEADERS) as answer:
            if answer.status != 200:
                raise NoKeys(f"HTTP {answer.status}")
            body = bytearray()
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > _LARGEST:
                    raise NoKeys("the answer is too large")
        return _json_object(bytes(body))


def _json_object(body: bytes) -> Mapping[str, object]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NoKeys("the answer is no JSON") from error
    if not isinstance(document, dict):
        raise NoKeys("the answer is no object")
    return document


def keys_address(configuration: Mapping[str, object], issuer: str) -> str:
    """Return where an issuer's configuration says that its keys lie, or raise `NoKeys`."""
    if configuration.get("issuer") != issuer:
        raise NoKeys("its configuration is another issuer's")
    address = configuration.get("jwks_uri")
    if not isinstance(address, str) or not is_safe(address):
        raise NoKeys("its configuration names no address of keys to use")
    if issuer.startswith("https:") and not address.startswith("https:"):
        raise NoKeys("its configuration names a plain address")  # what lies on this machine is not its to name
    return address


def keys_of(document: Mapping[str, object], algorithm: str) -> Keys:
    """Return the keys of a JWK set (RFC 7517) that may check signatures by `algorithm`, by their ids.

    Keys without an id are left out: a token that names none could not be told from one that is forged.
    """
    published = document.get("keys")
    if not isinstance(published, list):
        return {}
    found = (_key(jwk, algorithm) for jwk in published if isinstance(jwk, dict))
    return {key.key_id: key for key in found if key is not None and key.key_id is not None}


def _key(jwk: dict[str, object], algorithm: str) -> PyJWK | None:
    kid, operations = jwk.get("kid"), jwk.get("key_ops", ["verify"])
    if not isinstance(kid, str) or not kid or jwk.get("use", "sig") != "sig":
        return None
    if not isinstance(operations, list) or "verify" not in operations or jwk.get("alg", algorithm) != algorithm:
        return None
    if "d" in jwk:
        return None  # a private key that is published is nobody's any more
    try:
        key = PyJWK(jwk, algorithm)
        is_long_enough = key.Algorithm.check_key_length(key.key) is None
    except (PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, AttributeError):
        return None
    return key if is_long_enough else None


@asynccontextmanager
async def issuer_session() -> AsyncIterator[ClientSession]:
    """A session that keeps no cookies, and answers as they come: what is packed could unfold without end."""
    async with ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as session:
        yield session
