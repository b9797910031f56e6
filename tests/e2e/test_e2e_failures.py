"""Processes that are killed, jobs that are cancelled, pictures that are broken: nothing lost, and nobody named."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.embedded_server import (
    REQUEST_ID,
    Running,
    a_canary_request,
    assert_no_canary,
    assert_nothing_left_after_purge,
    assert_told_in_order,
    eventually,
    gone,
    serving,
)
from tests.support.gate import Gate

pytestmark = pytest.mark.slow


def test_killed_in_every_phase_and_still_one_result(gate: Gate, tmp_path: Path) -> None:
    """The worker, or the server above it, dies by SIGKILL in one phase after the other of the same job."""
    settings = {"max_attempts": "10", "checkpoint_seconds": "0"}
    fractions = []
    gate.hold("loading")
    with serving(tmp_path / "data", gate, **settings) as running:
        job_id = running.submit(*a_canary_request(tmp_path / "sample"))
        for attempt, place in enumerate((("loading", 0), ("evaluating", 0), ("training", 3)), 1):
            gate.hold(*place)
            fractions.append(running.held(job_id, gate, attempt)["progress"]["fraction"])
            os.kill(running.worker(job_id), signal.SIGKILL)
        gate.hold("training", 5)
        trained = running.held(job_id, gate, 4)["progress"]["step"]
        worker = running.worker(job_id)
        running.process.kill()
        running.process.wait()
        gone(worker)
    gate.hold("training")
    with serving(tmp_path / "data", gate, **settings) as running:
        resumed = running.held(job_id, gate, 5)["progress"]
        # A worker without a server may still keep the state after its last step.
        assert resumed["step"] >= trained - 1, "training began anew"
        fractions.append(resumed["fraction"])
        for attempt, phase in enumerate(("sculpting", "packaging"), 5):
            gate.hold(phase)
            fractions.append(running.held(job_id, gate, attempt)["progress"]["fraction"])
            os.kill(running.worker(job_id), signal.SIGKILL)
        gate.open()
        job = running.ended(job_id)
        assert (job["status"], job["attempt"], job["error"]) == ("succeeded", 7, None)
        assert fractions == sorted(fractions)
        assert_told_in_order(running, job_id, attempts=7)
        assert_one_set_of_artefacts(running, job)
        assert_no_canary(running, job_id)
        assert_nothing_left_after_purge(running, job_id)


def assert_one_set_of_artefacts(running: Running, job: dict[str, Any]) -> None:
    """What the last attempt made, and nothing else: no checkpoint, nothing of attempts that died."""

    def stored() -> set[tuple[str, ...]]:
        folder = running.data / "store" / "jobs" / job["id"] / "attempts"
        return {path.relative_to(folder).parts for path in folder.rglob("*") if path.is_file()}

    wanted = {(str(job["attempt"]), artifact["name"]) for artifact in job["artifacts"]}
    assert len(wanted) == 4
    eventually(lambda: stored() == wanted)


def test_a_broken_picture_fails_the_job_in_words(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as running:
        request, images = a_canary_request(tmp_path / "sample")
        broken = images[0][: len(images[0]) * 2 // 3]
        job_id = running.submit(request, [*images[1:], broken])
        job = running.ended(job_id)
        assert job["status"] == "failed"
        assert job["error"]["code"] == "invalid_image"
        assert not job["error"]["retryable"]
        lines = running.lines(request_id=REQUEST_ID)
        assert {line["logger"].partition(".")[0] for line in lines} == {"api", "worker"}
        failed = next(line for line in lines if line["event"] == "job_failed")
        assert (failed["job_id"], failed["tenant"], failed["attempt"]) == (job_id, "default", 1)
        assert_no_canary(running, job_id)


def test_a_server_that_is_stopped_hands_its_job_to_the_next_one_where_it_is_cancelled(
    gate: Gate, tmp_path: Path
) -> None:
    gate.hold("training", 3)
    with serving(tmp_path / "data", gate) as running:
        job_id = running.submit(*a_canary_request(tmp_path / "sample"))
        step = running.held(job_id, gate, 1)["progress"]["step"]
        worker = running.worker(job_id)
        running.process.terminate()
        running.process.wait(60)
    gone(worker)
    gate.hold("training")
    with serving(tmp_path / "data", gate) as running:
        assert running.held(job_id, gate, 2)["progress"]["step"] == step, "training began anew"
        assert [e["data"].get("reason") for e in running.events(job_id) if e["data"].get("status") == "queued"] == [
            None,
            "handed_back",
        ]
        worker = running.worker(job_id)
        _cancelled_at_once(running, job_id)
        eventually(lambda: not list((running.data / "store").rglob("*training-*")))
        assert_no_canary(running, job_id)
    gone(worker)


def _cancelled_at_once(running: Running, job_id: str) -> None:
    answer = running.client.post(f"/v1/jobs/{job_id}/cancel")
    assert answer.status_code == 202
    assert answer.json()["cancel_requested_at"] is not None
    job = running.ended(job_id)
    assert (job["status"], job["artifacts"]) == ("cancelled", [])
    last = [e["data"] for e in running.events(job_id) if e["type"] == "progress"][-1]
    assert last["phase"] == "training"
    assert last["step"] < last["total_steps"]
    assert running.client.post(f"/v1/jobs/{job_id}/cancel").status_code == 200
    assert not list(running.data.rglob("patch.zip"))
