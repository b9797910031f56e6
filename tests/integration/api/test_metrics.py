"""`/metrics`: what it tells, whom it tells, and what it never says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import CACHE_SECONDS, DatabaseCollector
from core.service.context import Services
from core.service.db.engine import Database
from core.service.jobs import metrics
from core.service.jobs.sweep.sweep import sweep
from core.service.metrics import workers
from core.service.metrics.workers import GpuMemory
from tests.support.api_server import CANARY, Server, assert_problem, request, serving
from tests.support.service import shift

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "data") as running:
        yield running


def scraped(server: Server) -> Samples:
    answer = httpx.get(f"{server.url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_jobs_leases_phases_workers_and_gpus(server: Server) -> None:
    waiting, running, passed, failed, lost, cancelled = (server.create()["id"] for _ in range(6))
    server.claim(running)
    server.finish(passed)
    server.fail(failed)
    server.claim(lost)
    shift(server.services, lost, lease_expires_at=3600)
    sweep(server.services)
    server.client.post(f"/v1/jobs/{cancelled}/cancel").raise_for_status()
    shift(server.services, waiting, queued_at=500)
    gpu = GpuMemory(total=80 * 2**30, used=2**30, peak=2**29)
    with server.services.db.write() as session:
        workers.report(session, "host:1", gpu)
        workers.report(session, "host:2", None)
        workers.report(session, "host:3", None)
        workers.remove(session, "host:3")
        for seconds in (0.5, 4.0, 1e9):
            metrics.observe_phase(session, "smfa", "training", seconds)
    found = scraped(server)
    assert value(found, "lethe_jobs", status="queued", method="smfa") == 2
    assert value(found, "lethe_jobs", status="running", method="smfa") == 1
    assert value(found, "lethe_jobs_ended_total", status="succeeded", method="smfa", verdict="passed") == 1
    assert value(found, "lethe_jobs_ended_total", status="failed", method="smfa", verdict="") == 1
    assert value(found, "lethe_jobs_ended_total", status="cancelled", method="smfa", verdict="") == 1
    assert value(found, "lethe_lease_expiries_total") == 1
    assert 500 <= value(found, "lethe_oldest_queued_job_age_seconds") < 1000
    assert value(found, "lethe_workers") == 2
    assert value(found, "lethe_gpu_memory_bytes", worker="host:1", kind="used") == 2**30
    phase = {"phase": "training", "method": "smfa"}
    counts = [value(found, "lethe_job_phase_seconds_bucket", le=le, **phase) for le in ("0.5", "5.0", "+Inf")]
    assert counts == [1, 2, 3]
    assert value(found, "lethe_job_phase_seconds_count", **phase) == 3
    assert value(found, "lethe_job_phase_seconds_sum", **phase) == 1e9 + 4.5
    assert value(found, "lethe_database_up") == 1
    assert not any(name == "lethe_gpu_memory_bytes" and ("worker", "host:2") in labels for name, labels in found)


def test_a_transaction_that_fails_counts_nothing(server: Server) -> None:
    def count_and_stumble() -> None:
        with server.services.db.write() as session:
            metrics.count_ended(session, "smfa", "failed")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        count_and_stumble()
    assert not any(name == "lethe_jobs_ended_total" for name, _ in scraped(server))


def test_requests_by_template_and_nothing_of_the_subject(server: Server) -> None:
    job_id = server.create(external_id="DSR-7", metadata={"about": "somebody"})["id"]
    server.client.post("/v1/jobs", json=request(prompts=[CANARY] * 1000))
    server.client.get(f"/v1/jobs/{job_id}")
    server.client.get(f"/v1/jobs/{job_id}", params={"wait": 1})
    server.client.get("/v1/jobs", params={"external_id": CANARY})
    server.client.get(f"/nowhere/{CANARY}")
    server.client.request("BREW", f"/{CANARY}")
    found = scraped(server)
    name = "lethe_http_requests_total"
    assert value(found, name, method="POST", route="/v1/jobs", status="202") == 1
    assert value(found, name, method="GET", route="/v1/jobs/{job_id}", status="200") == 2
    assert value(found, name, method="GET", route="unmatched", status="404") == 1
    assert (
        sum(number for (named, labels), number in found.items() if named == name and ("method", "other") in labels) == 1
    )
    held = value(found, "lethe_http_request_seconds_count", method="GET", route="/v1/jobs/{job_id}")
    assert held == 1, "a request that waits on purpose says nothing about latency"
    text = httpx.get(f"{server.url}/metrics").text
    for secret in (CANARY.partition(" ")[0], job_id, "DSR-7", "default", "somebody"):
        assert secret not in text


def test_only_this_machine_or_the_token(server: Server, tmp_path: Path) -> None:
    for header in ("X-Forwarded-For", "Forwarded"):
        answer = server.client.get("/metrics", headers={header: "127.0.0.1"})
        assert_problem(answer, 403, "metrics_forbidden")
    with serving(tmp_path / "guarded", metrics_token="t" * 32) as guarded:
        refused = assert_problem(guarded.client.get("/metrics"), 401, "unauthorized")
        assert "t" * 32 not in str(refused)
        for scheme in ("Bearer", "bearer"):
            answer = guarded.client.get("/metrics", headers={"Authorization": f"{scheme} {'t' * 32}"})
            assert answer.status_code == 200
        assert guarded.client.get("/metrics", headers={"Authorization": f"Basic {'t' * 32}"}).status_code == 401


def test_scraping_often_reads_the_database_seldom(server: Server) -> None:
    time = [0.0]
    collector = DatabaseCollector(server.services.db, lambda: time[0])
    first = collector.collect()
    server.create()
    assert collector.collect() is first
    time[0] = CACHE_SECONDS
    assert _queued(server.services, collector) == 1


def _queued(services: Services, collector: DatabaseCollector) -> float:
    assert services.db is collector._db
    (family,) = (metric for metric in collector.collect() if metric.name == "lethe_jobs")
    return sum(sample.value for sample in family.samples)


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    away = DatabaseCollector(Database(f"sqlite:///{tmp_path / 'no' / 'folder.db'}"))
    (told,) = away.collect()
    assert (told.name, told.samples[0].value) == ("lethe_database_up", 0.0)
