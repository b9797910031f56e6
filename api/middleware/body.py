"""Checks request bodies while they are read: their size, their speed, and that JSON is strict.

Sizes are counted as bytes arrive, whatever the headers say. A client that sends too slowly gets an answer and is
disconnected. JSON that parsers may read differently is refused before the application sees it.
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
    """Raises 413 while the body is read, so that the usual error handling answers, and 415 for a compressed body.

    Multipart bodies, which hold pictures, may have `limit` bytes; all others, which are text, `text_limit`.
    """

    def __init__(self, app: ASGIApp, limit: int, text_limit: int) -> None:
        self.app, self.limit, self.text_limit = app, limit, min(limit, text_limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, size = Headers(scope=scope), 0
        limit = self.limit if headers.get("content-type", "").lower().startswith(_MULTIPART) else self.text_limit
        declared = headers.get("content-length", "")

        async def counted() -> Message:
            nonlocal size
            if headers.get("content-encoding", "identity").lower() != "identity":
                raise HTTPException(415, "Send the body as it is, without Content-Encoding.", CLOSE)
            # The header allows to refuse early. What is counted is what arrives.
            if declared.isdecimal() and _exceeds(declared, limit):
                raise _too_large(limit)
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                raise _too_large(limit)
            return message

        await self.app(scope, counted, send)


def _exceeds(declared: str, limit: int) -> bool:
    digits = declared.lstrip("0")
    return len(digits) > 20 or int(digits or "0") > limit


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"The request body is larger than {limit} bytes.", CLOSE)


class StrictJson:
    """Reads a whole JSON body, which `BodyLimit` bounds, and raises 400 unless it is strict JSON."""

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
    """Raises 408 once a body has taken longer than `seconds` plus its size divided by `bytes_per_second`."""

    def __init__(self, app: ASGIApp, seconds: float, bytes_per_second: float) -> None:
        self.app, self.seconds, self.rate = app, seconds, bytes_per_second

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        deadline, complete = 0.0, False

        async def paced() -> Message:
            nonlocal deadline, complete
            if complete:
                # After the body only the message of a disconnect comes, at any time.
                return await receive()
            deadline = deadline or time.monotonic() + self.seconds
            with anyio.move_on_after(deadline - time.monotonic()):
                message = await receive()
                deadline += len(message.get("body", b"")) / self.rate
                complete = not message.get("more_body", False)
                return message
            raise HTTPException(408, "The request body came too slowly.", CLOSE)

        await self.app(scope, paced, send)
