"""Users who sign in at an issuer of OpenID Connect: checks the tokens that it signs for them.

TokenInvalid      no token of this issuer for this service that is in force
KeysUnavailable   cannot be told: the issuer does not answer, and its keys are not known
"""

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

from dunlin.runtime.issuer_documents import IssuerDocuments, issuer_session
from dunlin.runtime.issuer_keys import IssuerKeys, KeyTimes, UnknownKey
from dunlin.runtime.settings import Settings

LONGEST_TOKEN = 8192  # characters; proxies take no longer headers by default

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_KINDS = ("jwt", "at+jwt", "application/at+jwt")  # others sign people out, or prove something else
_REQUIRED = ("exp", "sub", "iss", "aud")
_LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, section 2
_LONGEST_NAME = 200


class TokenInvalid(Exception):
    """The token opens nothing. `reason` is a sentence for its bearer and holds nothing of the token.

    `is_forged` where its signature was checked, which takes a while, and is not the issuer's.
    """

    def __init__(self, reason: str, *, is_forged: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_forged = is_forged


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who has signed in, as the issuer says. `until` is when the token goes out of force, clock skew included."""

    subject: str
    name: str
    until: datetime
    claims: Mapping[str, object]


class SignIn:
    """Checks tokens of one issuer, for one audience, signed by one algorithm."""

    def __init__(
        self, keys: IssuerKeys, *, issuer: str, audience: str, algorithm: str, leeway: timedelta, claim_prefix: str
    ) -> None:
        self.keys = keys
        self.claim_prefix = claim_prefix
        self._issuer = issuer
        self._audience = audience
        self._algorithm = algorithm
        self._leeway = leeway

    async def check(self, token: str) -> SignedIn:
        """Return who bears the token, or raise `TokenInvalid` or `KeysUnavailable`."""
        kid = self._key_id(token)
        try:
            key = await self.keys.find(kid, time.monotonic())
        except UnknownKey as error:
            raise TokenInvalid("The issuer has no such key as the token is signed with.") from error
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[self._algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": list(_REQUIRED)},
            )
        except jwt.PyJWTError as error:
            raise TokenInvalid(_reason(error), is_forged=isinstance(error, jwt.InvalidSignatureError)) from error
        return self._signed_in(claims)

    def _key_id(self, token: str) -> str:
        """Return which key the token is said to be signed with. Nothing else of its header is gone by."""
        if len(token) > LONGEST_TOKEN:
            raise TokenInvalid(f"A token has at most {LONGEST_TOKEN} characters.")
        if not _SHAPE.fullmatch(token):
            raise TokenInvalid("This is no token.")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise TokenInvalid("The token cannot be read.") from error
        if header.get("alg") != self._algorithm:
            raise TokenInvalid(f"A token must be signed by {self._algorithm}.")
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower() not in _KINDS:
            raise TokenInvalid("The token is of another kind than access tokens.")
        kid = header.get("kid")
        if not isinstance(kid, str) or not kid:
            raise TokenInvalid("The token does not say which key it is signed with.")
        return kid

    def _signed_in(self, claims: Mapping[str, object]) -> SignedIn:
        subject, name = claims["sub"], claims.get("name")
        if not isinstance(subject, str) or not subject.isprintable() or not 1 <= len(subject) <= _LONGEST_SUBJECT:
            raise TokenInvalid(f"The claim sub should be a text of 1 to {_LONGEST_SUBJECT} characters.")
        readable = "".join(filter(str.isprintable, name)).strip() if isinstance(name, str) else ""
        return SignedIn(subject, (readable or subject)[:_LONGEST_NAME], self._end(claims["exp"]), claims)

    def _end(self, exp: object) -> datetime:
        if not isinstance(exp, int | float):
            raise TokenInvalid("The claim exp should be a number.")
        try:
            return datetime.fromtimestamp(int(exp), UTC) + self._leeway
        except (ValueError, OverflowError, OSError) as error:
            raise TokenInvalid("The claim exp should be a time.") from error


def _reason(error: jwt.PyJWTError) -> str:
    """Return what is wrong in our words: the library's repeat what stands in the token."""
    match error:
        case jwt.ExpiredSignatureError():
            return "The token has expired."
        case jwt.ImmatureSignatureError():
            return "The token is not valid yet."
        case jwt.InvalidAudienceError():
            return "The token is for another audience."
        case jwt.InvalidIssuerError():
            return "The token is of another issuer."
        case jwt.MissingRequiredClaimError(claim=claim) if claim in _REQUIRED:
            return f"The token lacks the claim {claim}."
        case jwt.InvalidSignatureError():
            return "The token's signature is wrong."
    return "The token cannot be read."


@asynccontextmanager
async def open_sign_in(settings: Settings, times: KeyTimes) -> AsyncIterator[SignIn | None]:
    """Open what checks users' tokens; None if no issuer is set. Nobody is asked for keys yet."""
    if settings.oidc_issuer is None:
        yield None
        return
    assert settings.oidc_audience is not None
    async with issuer_session() as session:
        documents = IssuerDocuments(
            session, settings.oidc_issuer, settings.oidc_jwks_url, settings.oidc_algorithm, times.answer_within
        )
        keys = IssuerKeys(documents.keys, times)
        try:
            yield SignIn(
                keys,
                issuer=settings.oidc_issuer,
                audience=settings.oidc_audience,
                algorithm=settings.oidc_algorithm,
                leeway=timedelta(seconds=settings.oidc_leeway),
                claim_prefix=settings.oidc_claim_prefix,
            )
        finally:
            await keys.close()
