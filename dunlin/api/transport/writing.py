"""What our WebSockets can do beside ASGI: write at once, without a way through the server for each of a thousand."""

from collections.abc import Callable

# In a scope's extensions. It sends a text, in UTF-8, or returns False where the client has yet to read what was sent.
WRITE = "dunlin.write"

Write = Callable[[bytes], bool]
