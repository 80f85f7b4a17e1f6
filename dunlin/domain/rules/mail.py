"""E-mail addresses, as far as they are shown."""


def mask(address: str) -> str:
    """Return `address` with the first character of its local part and the domain: e***@example.com."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}" if local else "***"
