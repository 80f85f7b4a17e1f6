"""Secrets at rest: AES-256-GCM, bound to the organization, with the key's id for rotation.

A sealed value is: version (1 byte), key id (4 bytes), nonce (12 bytes), ciphertext with tag.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import asdict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dunlin.domain.carrier import Credentials, SmtpCredentials, TwilioCredentials
from dunlin.domain.vault import BrokenSeal, key_id

_VERSION = b"\x01"
_KEY_ID, _NONCE = 4, 12


class AesVault:
    """The first key encrypts, all decrypt."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = {key_id(key): AESGCM(key) for key in keys}
        self._newest = key_id(keys[0])
        self._digest_key = hmac.new(keys[0], b"dunlin digests", hashlib.sha256).digest()

    def seal(self, credentials: Credentials, *, organization_id: int) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        plain = json.dumps(asdict(credentials)).encode()
        cipher = self._keys[self._newest].encrypt(nonce, plain, _bound_to(organization_id))
        return _VERSION + self._newest + nonce + cipher

    def open(self, sealed: bytes, *, organization_id: int) -> Credentials:
        named, rest = sealed[1 : 1 + _KEY_ID], sealed[1 + _KEY_ID :]
        key = self._keys.get(named)
        if sealed[:1] != _VERSION or key is None:
            raise BrokenSeal
        try:
            plain = key.decrypt(rest[:_NONCE], rest[_NONCE:], _bound_to(organization_id))
        except (InvalidTag, ValueError) as error:  # ValueError: too short for its nonce
            raise BrokenSeal from error
        fields = json.loads(plain)
        return SmtpCredentials(**fields) if "host" in fields else TwilioCredentials(**fields)

    def digest(self, secret: str) -> str:
        return hmac.new(self._digest_key, secret.encode(), hashlib.sha256).hexdigest()

    def is_newest(self, sealed: bytes) -> bool:
        return sealed[: 1 + _KEY_ID] == _VERSION + self._newest


def _bound_to(organization_id: int) -> bytes:
    return b"dunlin credentials of organization %d" % organization_id
