"""E-mail addresses as a mail server takes them."""

import re
from dataclasses import dataclass

import idna

_LOCAL = re.compile(r"[^\s\x00-\x20\x7f()<>\[\]\\,;:@\"]{1,64}")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*")


class BadAddress(ValueError):
    def __str__(self) -> str:
        return "not an e-mail address"


@dataclass(frozen=True, slots=True)
class Address:
    """`domain` is in ASCII; `local` may be in any script, which only some servers take (SMTPUTF8)."""

    local: str
    domain: str

    @property
    def needs_utf8(self) -> bool:
        return not self.local.isascii()

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def read_address(text: str) -> Address:
    """Return what may stand between angle brackets, or raise `BadAddress`. Quoted local parts are not taken."""
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or not local.isprintable() or len(local.encode(errors="replace")) > 64:
        raise BadAddress
    ascii_domain = _ascii(domain)
    if not _DOMAIN.fullmatch(ascii_domain):
        raise BadAddress
    return Address(local, ascii_domain)


def _ascii(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise BadAddress from error


def tagged(address: Address, tag: str) -> Address:
    """Return the address with `tag` behind a plus, so that what is sent to it says what it is about."""
    return Address(f"{address.local}+{tag}", address.domain)
