"""A limit for the size of requests. Starlette's own answers in plain text, before any handler of ours is asked."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Raise HTTPException(413) for whoever reads more than `largest` bytes of a body."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = 0

        async def receive_limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._largest:
                raise HTTPException(413, f"A request has at most {self._largest:,} bytes.")
            return message

        await self._app(scope, receive_limited, send)
