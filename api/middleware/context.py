"""Pure ASGI middleware: the request's id and log line, and the headers that every answer carries."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

import structlog
from opentelemetry.trace import Span, SpanKind
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problem import Problem, plain
from api.metrics import HttpMetrics
from core.service.telemetry import logs, tracing

log = structlog.get_logger("api.request")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
_QUIET = {"/healthz", "/readyz", "/metrics"}
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
_DEFAULTS = [
    (name.lower().encode(), value.encode()) for name, value in {**SECURITY_HEADERS, "Cache-Control": "no-store"}.items()
]


class RequestContext:
    """Outermost: gives each request an id, answers what nobody caught, adds headers, logs one line without any content.

    The line holds the route's template and not the path or query, since those may carry an external id.
    """

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        with tracing.span("HTTP", parent=exchange.traceparent, kind=SpanKind.SERVER) as span:
            try:
                if _has_nul(scope):
                    refused = plain(400, "A URL must not contain NUL characters.").response(exchange.request_id)
                    await refused(scope, receive, exchange.send)
                else:
                    await self.app(scope, receive, exchange.send)
            except Exception as error:
                await exchange.crashed(error, receive)
            finally:
                exchange.tell(self.metrics, span)


class _Exchange:
    """One request on its way through."""

    def __init__(self, scope: Scope, send: Send) -> None:
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"
        self.traceparent = headers.get("traceparent")
        self.scope, self._send, self.status = scope, send, 0
        self.began: float | None = None
        self.started = time.perf_counter()
        scope.setdefault("state", {})["request_id"] = self.request_id
        scope["state"]["response_headers"] = {}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.began = message["status"], time.perf_counter()
            headers = message["headers"]
            headers.append((b"x-request-id", self.request_id.encode()))
            added = self.scope["state"]["response_headers"].items()
            headers += [(name.lower().encode(), value.encode()) for name, value in added]
            present = {name for name, _ in headers}
            headers += [pair for pair in _DEFAULTS if pair[0] not in present]
        await self._send(message)

    async def crashed(self, error: Exception, receive: Receive) -> None:
        log.error("unhandled_error", error=type(error).__name__, frames=logs.stack_frames(error))
        if self.status == 0:
            problem = Problem(500, "internal_error", "Internal server error", "The server failed. Try again later.")
            await problem.response(self.request_id)(self.scope, receive, self.send)

    def tell(self, metrics: HttpMetrics, span: Span) -> None:
        """Metrics, trace and log line of what is now over."""
        method, route = self.scope["method"], _template(self.scope)
        held = self.scope["state"].get("held", False)
        metrics.answered(method, route, self.status, None if held or self.began is None else self.began - self.started)
        if span.is_recording():
            span.update_name(f"{method} {route}")
            span.set_attributes(
                {"http.request.method": method, "http.route": route, "lethe.request_id": self.request_id}
            )
            span.set_attribute("http.response.status_code", self.status)
        if self.scope["path"] in _QUIET and self.status == 200:
            return
        took = round((time.perf_counter() - self.started) * 1000, 1)
        log.info("request", method=method, route=route, status=self.status, ms=took)


def _has_nul(scope: Scope) -> bool:
    """PostgreSQL takes no NUL in any text."""
    return "\x00" in scope["path"] or b"%00" in scope["query_string"]


def _template(scope: Scope) -> str:
    route: Any = scope.get("route")
    return str(getattr(route, "path", "unmatched"))
