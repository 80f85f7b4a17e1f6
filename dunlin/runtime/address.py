"""Which web addresses may be asked for what is to be trusted."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


def is_safe(address: str) -> bool:
    """Return whether nobody in between can change what `address` answers: https, or http on this machine."""
    if not address.isprintable() or " " in address:
        return False  # urlsplit drops some of these silently
    try:
        parts = urlsplit(address)
        has_place = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or half an IPv6 address
        return False
    if not has_place or parts.username is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts))


def _is_loopback(parts: SplitResult) -> bool:
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:  # a name
        return False
