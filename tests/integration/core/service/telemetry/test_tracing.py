"""A trace that begins with the client goes on in the API and in the worker that runs the job, however much later."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from core.service.settings import Settings
from core.service.telemetry import tracing
from core.unlearning.jobs.work import Outcome
from core.unlearning.patches.signing import Signer
from tests.support.api_server import CANARY, Server, request, serving
from worker.attempt.progress import JobProgress
from worker.attempt.runner import Runner
from worker.attempt.warm_models import WarmModels

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = int(CLIENT.split("-")[1], 16)


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("lethe"))
    return exporter


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "data") as running:
        yield running


def work(_: Any, __: Any, workdir: Path, progress: JobProgress, *___: Any) -> Outcome:
    progress.phase("training", 1)
    progress.step(loss=1.0)
    progress.phase("packaging")
    return Outcome("passed", {"splits": {}}, ())


def run(server: Server, job_id: str, tmp_path: Path) -> None:
    Runner(server.services, WarmModels(), Signer.load_or_create(tmp_path / "key")).run(job_id)


def finished(exported: InMemorySpanExporter, count: int) -> Sequence[ReadableSpan]:
    """The spans once there are `count`: a request's ends after its answer was sent."""
    deadline = time.monotonic() + 30
    while len(exported.get_finished_spans()) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return exported.get_finished_spans()


def test_one_trace_from_the_client_to_the_phases(
    server: Server, exported: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("worker.attempt.runner.work_on", work)
    headers = {"traceparent": CLIENT, "X-Request-Id": "request-77"}
    job_id = server.client.post("/v1/jobs", json=request(), headers=headers).json()["id"]
    run(server, job_id, tmp_path)
    spans = {span.name: span for span in finished(exported, 4)}
    asked, job = spans["POST /v1/jobs"], spans["job"]
    assert {_trace(span) for span in spans.values()} == {TRACE}
    assert _parent(asked) == int(CLIENT.split("-")[2], 16)
    assert _parent(job) == asked.context.span_id
    assert [_parent(spans[f"phase {phase}"]) for phase in ("training", "packaging")] == [job.context.span_id] * 2
    assert job.attributes is not None
    assert (job.attributes["lethe.job_id"], job.attributes["lethe.request_id"]) == (job_id, "request-77")
    told = "".join(span.to_json() for span in spans.values())
    assert CANARY.partition(" ")[0] not in told


def test_a_trace_that_is_no_trace_begins_anew(server: Server, exported: InMemorySpanExporter) -> None:
    headers = {"traceparent": f"00-{CANARY}"}
    assert server.client.post("/v1/jobs", json=request(), headers=headers).status_code == 202
    (span,) = finished(exported, 1)
    assert span.parent is None


def test_nothing_is_traced_unless_asked_for(server: Server) -> None:
    assert not tracing.recording()
    assert tracing.traceparent() is None
    tracing.configure(Settings(tracing=False), "lethe-api")
    assert not tracing.recording()
    assert server.client.post("/v1/jobs", json=request()).status_code == 202


def _trace(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.trace_id


def _parent(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id
