"""How operations come in and answers go out: over HTTP, and over a WebSocket."""
