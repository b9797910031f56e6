"""Tracing by OpenTelemetry, if the setting `tracing` is on. Spans hold ids, templates and numbers, no paths or queries.

Only OpenTelemetry's API is a dependency. The SDK and the exporter come with the extra `otel`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from core.service.settings import Settings

FLUSH_MS = 5000
_W3C = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("lethe")


class TracingUnavailableError(Exception):
    """The setting is on, but the extra is not installed."""


def configure(settings: Settings, service: str) -> None:
    """Export spans over OTLP/HTTP as the `OTEL_*` variables say. Call once in a process, after any fork."""
    if not settings.tracing:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        advice = "LETHE_TRACING needs the extra otel: pip install 'lethe-unlearning[otel]'"
        raise TracingUnavailableError(advice) from None
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def recording() -> bool:
    """Whether OpenTelemetry is set up in this process."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def traceparent() -> str | None:
    """The present span as the W3C header `traceparent`; None outside any span."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def span(
    name: str, *, parent: str | None = None, kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int
) -> Iterator[Span]:
    """A span around a block. `parent`: a `traceparent` of another process; an invalid one begins a new trace."""
    if parent is None and not recording():
        yield trace.INVALID_SPAN
        return
    context = contexts.get_current() if parent is None else _W3C.extract({"traceparent": parent}, contexts.Context())
    with _tracer.start_as_current_span(
        name, context, kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as started:
        try:
            yield started
        except BaseException as error:
            started.set_attribute("error.type", type(error).__name__)
            started.set_status(StatusCode.ERROR)
            raise


def begin(name: str, **attributes: str | int) -> Span:
    """A child span of the present one, which the caller must end."""
    return _tracer.start_span(name, attributes=attributes)


def flush() -> None:
    """Send the remaining spans: a process of a pool exits without the interpreter's exit handlers."""
    force_flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if force_flush is not None:
        force_flush(FLUSH_MS)
