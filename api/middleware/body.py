"""Request bodies: how large they may be, how fast they must arrive, and which JSON is refused.

Sizes are counted as bytes arrive, whatever the headers say. A client that sends too slowly is told so and disconnected.
JSON that parsers read differently is refused before anything is made of it.
"""

from __future__ import annotations

import time

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.body import is_json, parse_json

CLOSE = {"Connection": "close"}
"""The rest of a refused body is not read, so the connection cannot be used again."""
_MULTIPART = "multipart/"


class BodyLimit:
    """Raises 413 inside the reader, so that the ordinary error handling answers; 415 for a packed body.

    Only multipart, which holds pictures, may be as large as `limit`; all else is text and ends at `text_limit`.
    """

    def __init__(self, app: ASGIApp, limit: int, text_limit: int) -> None:
        self.app, self.limit, self.text_limit = app, limit, min(limit, text_limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, seen = Headers(scope=scope), 0
        limit = self.limit if headers.get("content-type", "").lower().startswith(_MULTIPART) else self.text_limit
        declared = headers.get("content-length", "")

        async def counted() -> Message:
            nonlocal seen
            if headers.get("content-encoding", "identity").lower() != "identity":
                raise HTTPException(415, "Send the body as it is, without Content-Encoding.", CLOSE)
            # The header can only shorten the wait: what counts is what comes.
            if declared.isdecimal() and _exceeds(declared, limit):
                raise _too_large(limit)
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _too_large(limit)
            return message

        await self.app(scope, counted, send)


def _exceeds(declared: str, limit: int) -> bool:
    digits = declared.lstrip("0")
    return len(digits) > 20 or int(digits or "0") > limit


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"The request body is larger than {limit} bytes.", CLOSE)


class StrictJson:
    """Reads a JSON body whole (`BodyLimit` bounds it) and raises 400 inside the reader unless it is strict JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_json(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        checked = False

        async def strict() -> Message:
            nonlocal checked
            if checked:
                return await receive()
            checked, parts, more = True, [], True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    return message
                parts.append(message.get("body", b""))
                more = message.get("more_body", False)
            whole = b"".join(parts)
            if whole:
                parse_json(whole)
            return {"type": "http.request", "body": whole, "more_body": False}

        await self.app(scope, strict, send)


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
