"""Who is asking, by HTTP or SMTP: an account with its SID and token, or an API key with its secret."""

import base64
import binascii
from dataclasses import dataclass
from hmac import compare_digest

from starlette.requests import Request

from dunlin.sandbox.account import Account
from dunlin.sandbox.refusal import Refusal
from dunlin.sandbox.world import World

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="Twilio API"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """An account, and whether one of its API keys speaks for it."""

    account: Account
    is_key: bool


def caller(request: Request, world: World) -> Caller:
    """Return who asks. Raise 20003 for a wrong pair and 20404 for a path in another account."""
    name, secret = _name_and_secret(request.headers.get("authorization", ""))
    found = find_caller(name, secret, world)
    if not found or found.account.status == "closed":
        raise Refusal(20003, _CHALLENGE)
    if request.path_params.get("account_sid", found.account.sid) != found.account.sid:
        raise Refusal(20404, path=request.url.path)
    return found


def owner(request: Request, world: World) -> Account:
    """Return the account that asks for something of its own. Test credentials own nothing: 20008."""
    account = caller(request, world).account
    if account.is_test:
        raise Refusal(20008)
    return account


def find_caller(name: str, secret: str, world: World) -> Caller | None:
    """Return whose name and secret these are: an account's SID and token, or an API key's."""
    account = world.accounts.get(name)
    if account:
        return Caller(account, is_key=False) if _is_same(account.auth_token, secret) else None
    for account in world.accounts.values():
        if name in account.api_keys and _is_same(account.api_keys[name], secret):
            return Caller(account, is_key=True)
    return None


def _is_same(expected: str, given: str) -> bool:
    return compare_digest(expected.encode(), given.encode())


def _name_and_secret(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return name, secret
