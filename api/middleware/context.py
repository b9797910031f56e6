"""Gives each request an id, a log line, a trace and metrics, and each answer its common headers."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

import structlog
from opentelemetry.trace import Span, SpanKind
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problem import Problem, problem_for
from api.metrics import HttpMetrics
from core.service.telemetry import logs, tracing

log = structlog.get_logger("api.request")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
_NOT_LOGGED = {"/healthz", "/readyz", "/metrics"}
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
_DEFAULT_HEADERS = [
    (name.lower().encode(), value.encode()) for name, value in {**SECURITY_HEADERS, "Cache-Control": "no-store"}.items()
]


class RequestContext:
    """The outermost middleware. It also answers exceptions that nothing else has caught.

    The log line holds the route's template instead of path and query, which may contain an external id.
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
                    refused = problem_for(400, "A URL must not contain NUL characters.").response(exchange.request_id)
                    await refused(scope, receive, exchange.send)
                else:
                    await self.app(scope, receive, exchange.send)
            except Exception as error:
                await exchange.answer_crash(error, receive)
            finally:
                exchange.report(self.metrics, span)


class _Exchange:
    """The state of one request and its answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        headers = Headers(scope=scope)
        sent = headers.get("x-request-id", "")
        self.request_id = sent if _REQUEST_ID.fullmatch(sent) else f"req_{uuid.uuid4().hex}"
        self.traceparent = headers.get("traceparent")
        self.scope, self._send, self.status = scope, send, 0
        self.answer_started: float | None = None
        self.started = time.perf_counter()
        scope.setdefault("state", {})["request_id"] = self.request_id
        scope["state"]["response_headers"] = {}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.answer_started = message["status"], time.perf_counter()
            headers = message["headers"]
            headers.append((b"x-request-id", self.request_id.encode()))
            added = self.scope["state"]["response_headers"].items()
            headers += [(name.lower().encode(), value.encode()) for name, value in added]
            present = {name for name, _ in headers}
            headers += [pair for pair in _DEFAULT_HEADERS if pair[0] not in present]
        await self._send(message)

    async def answer_crash(self, error: Exception, receive: Receive) -> None:
        log.error("unhandled_error", error=type(error).__name__, frames=logs.stack_frames(error))
        if self.status == 0:
            problem = Problem(500, "internal_error", "Internal server error", "The server failed. Try again later.")
            await problem.response(self.request_id)(self.scope, receive, self.send)

    def report(self, metrics: HttpMetrics, span: Span) -> None:
        """Write metrics, trace and log line when the request has ended."""
        method, route = self.scope["method"], _route_template(self.scope)
        held = self.scope["state"].get("held", False)
        metrics.count(
            method,
            route,
            self.status,
            None if held or self.answer_started is None else self.answer_started - self.started,
        )
        if span.is_recording():
            span.update_name(f"{method} {route}")
            span.set_attributes(
                {"http.request.method": method, "http.route": route, "lethe.request_id": self.request_id}
            )
            span.set_attribute("http.response.status_code", self.status)
        if self.scope["path"] in _NOT_LOGGED and self.status == 200:
            return
        duration = round((time.perf_counter() - self.started) * 1000, 1)
        log.info("request", method=method, route=route, status=self.status, ms=duration)


def _has_nul(scope: Scope) -> bool:
    """PostgreSQL accepts no NUL in text."""
    return "\x00" in scope["path"] or b"%00" in scope["query_string"]


def _route_template(scope: Scope) -> str:
    route: Any = scope.get("route")
    return str(getattr(route, "path", "unmatched"))
