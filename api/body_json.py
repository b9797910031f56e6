"""JSON bodies, for every route alike: what parsers disagree about is refused before anything is made of it."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.body import is_json, parse_json


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
