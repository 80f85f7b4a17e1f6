"""Who is asking: `Authorization: Bearer <token>`, over HTTP and in a WebSocket's connection_init.

The token is one of ours (`dunlin_...`), or one that an issuer of OpenID Connect has signed for a user.
"""

import math
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from dunlin.api.claims import read_grant
from dunlin.api.strangers import Strangers
from dunlin.api.token_uses import TokenUses
from dunlin.domain.actions.note_token_use import use_to_note
from dunlin.domain.audit import Actor
from dunlin.domain.choices import ActorKind
from dunlin.domain.grant import GrantRefused, check_grant
from dunlin.domain.tables import Token
from dunlin.domain.viewer import PREFIX, Viewer, tokens_of, viewer_by
from dunlin.runtime.gathered import Gathered
from dunlin.runtime.sign_in import SignIn, TokenInvalid

_SCHEME = "bearer "
_LONGEST = 512

OUT_OF_FORCE = "The token is unknown, has expired or was revoked."


class NotLetIn(Exception):
    """Who asks is nobody here. `reason` is a sentence for them, `error` its code in RFC 6750, section 3.1.

    `error` is None where no token was given at all.
    """

    def __init__(self, reason: str, error: str | None) -> None:
        super().__init__(reason, error)
        self.reason = reason
        self.error = error

    @property
    def is_known(self) -> bool:
        """Whether the token is good and only opens nothing, so that another one would not help."""
        return self.error == "insufficient_scope"

    @property
    def challenge(self) -> str:
        """What is answered as WWW-Authenticate."""
        return f'Bearer error="{self.error}", error_description="{self.reason}"' if self.error else "Bearer"


class NotYetLetIn(Exception):
    """So many bad tokens came from their address that theirs is not looked at, for `seconds`: it may be good."""

    def __init__(self, seconds: int) -> None:
        self.reason = f"Many bad tokens came from your network address. Ask again in {seconds} s."
        self.seconds = seconds
        super().__init__(self.reason)


class Door:
    """Lets bearers of tokens in, or raises `NotLetIn`, or `NotYetLetIn` or `KeysUnavailable` where that is not told."""

    def __init__(self, keys: tuple[bytes, ...], uses: TokenUses, sign_in: SignIn | None) -> None:
        self._keys = keys
        self._uses = uses
        self._sign_in = sign_in
        self._strangers = Strangers()
        self._found = Gathered(self._find)

    async def viewer_of_header(self, header: str | None, address: str | None) -> Viewer:
        """Return the viewer of an Authorization header, who asks from `address`."""
        return await self.viewer_of_token(bearer_token(header), address)

    async def viewer_of_token(self, token: str, address: str | None) -> Viewer:
        if wait := self._strangers.wait_of(token, address):
            raise NotYetLetIn(math.ceil(wait))
        if not token.startswith(PREFIX):
            return await self._viewer_of_user(token, address)
        now = datetime.now(UTC)
        # Looked at before it is looked for together with others: a bad one must not fail theirs.
        found = await self._found.get(token) if len(token) <= _LONGEST and token.isascii() else None
        if found is None:
            self._strangers.note_bad(address)
            raise NotLetIn(OUT_OF_FORCE, "invalid_token")
        self._strangers.note_good(token)
        self._note_use(found, token, now)
        return viewer_by(found, address)

    async def _find(self, secrets: Collection[str]) -> Mapping[str, Token]:
        return await tokens_of(secrets, self._keys, datetime.now(UTC))

    async def tokens_in_force(self, secrets: Collection[str]) -> Mapping[str, Token]:
        """Return those of our own tokens that are in force, by their secrets. It counts as a use of each."""
        now = datetime.now(UTC)
        found = await tokens_of(secrets, self._keys, now)
        for secret, token in found.items():
            self._note_use(token, secret, now)
        return found

    async def _viewer_of_user(self, token: str, address: str | None) -> Viewer:
        if self._sign_in is None:
            raise NotLetIn(OUT_OF_FORCE, "invalid_token")
        try:
            signed_in = await self._sign_in.check(token)
            grant = read_grant(signed_in.claims, self._sign_in.claim_prefix)
            await check_grant(grant)
        except TokenInvalid as error:
            if error.is_forged:
                self._strangers.note_bad(address)
            raise NotLetIn(error.reason, "invalid_token") from error
        except GrantRefused as error:
            raise NotLetIn(error.reason, "insufficient_scope") from error
        self._strangers.note_good(token)
        return Viewer(
            actor=Actor(ActorKind.USER, signed_in.subject, signed_in.name, address),
            account_id=grant.account_id,
            organization_ids=grant.organization_ids,
            permissions=grant.permissions,
            expires_at=signed_in.until,
        )

    def _note_use(self, token: Token, secret: str, now: datetime) -> None:
        if use := use_to_note(token, secret, self._keys[0], now):
            self._uses.note(use)


def bearer_token(header: str | None) -> str:
    """Return the token that an Authorization header brings, or raise `NotLetIn`."""
    scheme, token = (header or "")[: len(_SCHEME)], (header or "")[len(_SCHEME) :].strip()
    if scheme.lower() != _SCHEME or not token:
        raise NotLetIn("Send a token of this service in the header: Authorization: Bearer <token>.", None)
    return token


def header_of_params(params: Mapping[str, object]) -> str:
    """Return the header that a connection_init stands for, or raise `NotLetIn`.

    That is {"authToken": "..."}, or {"Authorization": "Bearer ..."}, by itself or in "headers". Clients write these
    names in one case or another, as HTTP lets them.
    """
    for given in (params, params.get("headers")):
        named = {name.lower(): value for name, value in given.items()} if isinstance(given, Mapping) else {}
        token = named.get("authtoken")
        header = f"{_SCHEME}{token}" if isinstance(token, str) else named.get("authorization")
        if isinstance(header, str):
            break
    with suppress(NotLetIn):
        bearer_token(header if isinstance(header, str) else None)
        return str(header)
    raise NotLetIn('Send a token as the payload of connection_init: {"Authorization": "Bearer <token>"}.', None)
