"""How long a request body may take: a client that dribbles is told so and disconnected."""

from __future__ import annotations

import time

import anyio
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.body_limit import CLOSE


class BodyPace:
    """Raises 408 inside the reader once a body is slower than `bytes_per_second`, after a start of `seconds`."""

    def __init__(self, app: ASGIApp, seconds: float, bytes_per_second: float) -> None:
        self.app, self.seconds, self.rate = app, seconds, bytes_per_second

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        deadline, whole = 0.0, False

        async def paced() -> Message:
            nonlocal deadline, whole
            if whole:
                # What comes after the body is the client's going away: that may take as long as it likes.
                return await receive()
            deadline = deadline or time.monotonic() + self.seconds
            with anyio.move_on_after(deadline - time.monotonic()):
                message = await receive()
                deadline += len(message.get("body", b"")) / self.rate
                whole = not message.get("more_body", False)
                return message
            raise HTTPException(408, "The request body came too slowly.", CLOSE)

        await self.app(scope, paced, send)
