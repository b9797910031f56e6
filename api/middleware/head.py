"""`HEAD` wherever there is `GET` (RFC 9110, section 9.3.2): the same answer without its content."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """Serves a `HEAD` as the `GET` of the same path, and adds it to `Allow`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"
        scope["state"]["head"] = head
        inner = {**scope, "method": "GET"} if head else scope

        async def without_content(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:
                message["headers"] = [_with_head(*pair) for pair in message["headers"]]
            await send({**message, "body": b""} if head and message["type"] == "http.response.body" else message)

        try:
            await self.app(inner, receive, without_content)
        finally:
            scope["route"] = inner.get("route")


def _with_head(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    methods = [method.strip() for method in value.split(b",")]
    return (name, b", ".join([*methods, b"HEAD"])) if name == b"allow" and b"GET" in methods else (name, value)
