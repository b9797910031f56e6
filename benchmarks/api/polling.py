"""Polling a job on an idle machine, and while it trains on the same machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.api.load import Load, get
from benchmarks.api.servers import Api
from benchmarks.bars import Bar
from client import Lethe
from client.job import Job
from core.unlearning import reference

PAUSE = 0.02
IDLE_SECONDS = 10.0


def while_training(served: Api, folder: Path) -> list[Bar]:
    """The 99th percentile while a job trains against the median of an idle machine."""
    with Lethe(served.url, served.key) as client:
        job = _submit(client, folder)
        load = Load(served.port, [get(f"/v1/jobs/{job}", Authorization=f"Bearer {served.key}")], 200, connections=1)
        busy = _poll_while_training(client, load, job)
        client.jobs.cancel(job)
        _until(client, job, lambda state: state.status not in ("queued", "running"))
        load.latencies(1.0, PAUSE)
        idle = load.latencies(IDLE_SECONDS, PAUSE)
    p50, p99 = idle[len(idle) // 2], busy[len(busy) * 99 // 100]
    note = f"{1000 * p99:.1f} ms over {1000 * p50:.1f} ms"
    return [Bar("polling: p99 while a job trains / idle p50", p99 / p50, 5, n=len(busy), note=note)]


def _poll_while_training(client: Lethe, load: Load, job: str) -> list[float]:
    _until(client, job, lambda state: state.phase == "training")
    times: list[float] = []
    while client.jobs.get(job).phase == "training" and len(times) < 5000:
        times += load.latencies(1.0, PAUSE)
    return sorted(times)


def _submit(client: Lethe, folder: Path) -> str:
    sample = reference.sample("mllm", list(reference.standard_requests("mllm")[0]), folder / "sample")
    request = json.loads((sample / "request.json").read_text())
    return client.jobs.create_from(request, images=sorted((sample / "images").iterdir())).id


def _until(client: Lethe, job: str, condition: Callable[[Job], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition(client.jobs.get(job)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
