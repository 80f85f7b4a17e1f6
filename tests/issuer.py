"""An issuer of OpenID Connect tokens on this machine, with keys of its own, that can be made to fail."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

JSON = dict[str, Any]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

AUDIENCE = "https://dunlin.example.com"
CONFIGURATION, KEYS = "/.well-known/openid-configuration", "/keys"

_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


def new_key(algorithm: str = "RS256") -> PrivateKey:
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    return rsa.generate_private_key(65537, 2048)


def key_number(number: int, algorithm: str = "RS256") -> PrivateKey:
    """Return one of several keys, each made once: that takes a while."""
    return _key_number(number, algorithm)


@cache
def _key_number(number: int, algorithm: str) -> PrivateKey:
    return new_key(algorithm)


def public(key: PrivateKey, algorithm: str, **members: object) -> JSON:
    """Return a key as an issuer publishes it."""
    published: JSON = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**published, "use": "sig", "alg": algorithm, **members}


class Issuer:
    """Publishes `keys` by their ids, signs with the newest of them, and counts what it is asked.

    `answers` replaces what it answers at a path.
    """

    def __init__(self, algorithm: str = "RS256") -> None:
        self.algorithm = algorithm
        self.keys: dict[str, PrivateKey] = {"first": key_number(1, algorithm)}
        self.asked: list[str] = []
        self.answers: dict[str, Answer] = {}
        self._made = 1
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def jwks(self) -> JSON:
        return {"keys": [public(key, self.algorithm, kid=kid) for kid, key in self.keys.items()]}

    @property
    def configuration(self) -> JSON:
        return {"issuer": self.address, "jwks_uri": self.address + KEYS}

    def rotate(self, kid: str, *, keep: bool = False) -> None:
        """Sign with a new key from now on, and withdraw the others unless they are to be kept."""
        self._made += 1
        self.keys = {**(self.keys if keep else {}), kid: key_number(self._made, self.algorithm)}

    def answer(self, path: str, body: object, status: int = 200, **headers: str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)

        async def answered(_: web.Request) -> web.StreamResponse:
            return web.Response(text=text, status=status, headers=headers)

        self.answers[path] = answered

    def hold(self, path: str = KEYS) -> asyncio.Event:
        """Answer nothing at a path until the event is set."""
        released = asyncio.Event()

        async def held(_: web.Request) -> web.StreamResponse:
            await released.wait()
            return web.json_response(self.jwks)

        self.answers[path] = held
        return released

    async def was_asked(self, times: int, path: str = KEYS) -> None:
        """Return when it has been asked so often."""
        async with asyncio.timeout(5):
            while self.asked.count(path) < times:  # noqa: ASYNC110
                await asyncio.sleep(0)

    def token(
        self,
        claims: Mapping[str, object] | None = None,
        *,
        kid: str | None = None,
        signed_by: PrivateKey | None = None,
        algorithm: str | None = None,
        headers: Mapping[str, object] | None = None,
    ) -> str:
        """Sign a token of a user for Dunlin, good in every respect not asked about."""
        named = kid or list(self.keys)[-1]
        return jwt.encode(
            {**self.claims, **(claims or {})},
            signed_by or self.keys[named],
            algorithm or self.algorithm,
            headers={"kid": named, **(headers or {})},
        )

    @property
    def claims(self) -> JSON:
        """What it says of a user without being asked."""
        now = int(time.time())
        return {
            "iss": self.address,
            "aud": AUDIENCE,
            "sub": "user-1",
            "name": "Ada Reyes",
            "iat": now,
            "exp": now + 600,
        }

    async def leave(self) -> None:
        """Answer nobody any more, also not over connections that are open."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def arrive(self) -> None:
        """Listen, at the same address as before."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Issuer"]:
        await self.arrive()
        try:
            yield self
        finally:
            await self.leave()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path in self.answers:
            return await self.answers[request.path](request)
        if request.path == CONFIGURATION:
            return web.json_response(self.configuration)
        if request.path == KEYS:
            return web.json_response(self.jwks)
        raise web.HTTPNotFound
