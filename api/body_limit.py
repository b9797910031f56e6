"""How large a request body may be: counted as it arrives, whatever its headers say."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
