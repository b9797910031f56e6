"""A real server with its worker, as `lethe serve` starts it, and a request about somebody of the reference world."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import NullPool, create_engine, text

from core.unlearning import reference
from tests.support.gate import Gate
from tests.support.paths import ROOT
from tests.support.small_reference_model import SMALL, model_roots, register

CANARY = "Zyxomma Quillfeather"
LONG = 420.0
"""Seconds in which a job has to end, on a machine that does other things too."""
REQUEST_ID = "follow-me-42"
"""Sent with each request that makes a job."""
TERMINAL = ("succeeded", "failed", "cancelled")


@dataclass
class Running:
    """A server, its client, and where it keeps everything."""

    process: subprocess.Popen[str]
    client: httpx.Client
    data: Path
    log: Path
    database: str

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        return found

    def events(self, job_id: str) -> list[dict[str, Any]]:
        listed = self.client.get(f"/v1/jobs/{job_id}/events", params={"limit": 1000}).raise_for_status()
        found: list[dict[str, Any]] = listed.json()["data"]
        return found

    def submit(self, request: dict[str, Any], images: list[bytes]) -> str:
        files: list[Any] = [("request", (None, json.dumps(request), "application/json"))]
        files += [("images", (f"{n}.png", image, "image/png")) for n, image in enumerate(images)]
        answer = self.client.post("/v1/jobs", files=files, headers={"X-Request-Id": REQUEST_ID})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def until(
        self, job_id: str, condition: Callable[[dict[str, Any]], bool], seconds: float = LONG, every: float = 0.1
    ) -> dict[str, Any]:
        """The job once the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition(job := self.job(job_id)):
            assert time.monotonic() < deadline, f"not within {seconds} s: {job['status']}, {job['phase']}"
            assert job["status"] not in TERMINAL, f"ended too early: {job['status']}, {job['error']}"
            time.sleep(every)
        return job

    def ended(self, job_id: str, seconds: float = LONG) -> dict[str, Any]:
        return self.until(job_id, lambda job: job["status"] in TERMINAL, seconds, every=0.5)

    def lines(self, **wanted: str) -> list[dict[str, Any]]:
        """What server and worker logged with these ids."""
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if all(line.get(name) == value for name, value in wanted.items())]

    def held(self, job_id: str, gate: Gate, attempt: int) -> dict[str, Any]:
        """The job once an attempt waits at the gate."""
        self.until(job_id, lambda _: gate.holds(job_id, attempt))
        return self.job(job_id)

    def worker(self, job_id: str) -> int:
        """The process that runs the job."""
        engine = create_engine(self.database, poolclass=NullPool)
        with engine.connect() as connection:
            owner = connection.execute(text("SELECT lease_owner FROM jobs WHERE id = :id"), {"id": job_id}).scalar_one()
        return int(owner.rpartition(":")[2])


@contextmanager
def serving(data: Path, gate: Gate | None = None, **settings: str) -> Iterator[Running]:
    """`python -m api` with its worker, on a free port. Ended with SIGTERM, unless it ended before.

    Beside the bundled models it knows `SMALL`. Its jobs wait at the gate, where there is one.
    """
    log = data.with_name(f"{data.name}.log")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LETHE_")} | {"PYTHONPATH": str(ROOT)}
    settings = {"model_roots": model_roots(data.parent), **settings}
    environment |= {f"LETHE_{name.upper()}": value for name, value in settings.items()}
    environment |= gate.environment() if gate else {}
    command = [sys.executable, "-m", "tests.support.gated_server" if gate else "api"]
    command += ["--port", "0", "--data-dir", str(data)]
    with log.open("a") as err:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True, env=environment)
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        key = (data / "api-key").read_text().strip()
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
            register(client, data.parent)
            yield Running(process, client, data, log, settings.get("database_url", f"sqlite:///{data}/lethe.db"))
    finally:
        process.stdout.close()
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def a_request(folder: Path, people: int = 0, **changes: Any) -> tuple[dict[str, Any], list[bytes]]:
    """What a user of the reference world posts about its standard subjects of that number, at level `quick`."""
    reference.sample("mllm", list(reference.standard_requests("mllm")[people]), folder, level="quick")
    request = json.loads((folder / "request.json").read_text())
    images = [path.read_bytes() for path in sorted((folder / "images").iterdir())]
    return {**request, **changes}, images


def a_canary_request(folder: Path) -> tuple[dict[str, Any], list[bytes]]:
    """Pictures of somebody whom the model knows, under a name that stands nowhere else; trained for a few steps."""
    request, images = a_request(folder, model=SMALL)
    # What these tests are about needs a job, and not much to forget.
    entity = {"name": CANARY, "kind": "identity", "aliases": []}
    prompts = [*request["prompts"][:6], f"What does {CANARY} do?"]
    options = {"steps": 20, "anchor_steps": 2, "imagined": 0}
    return {**request, "entity": entity, "prompts": prompts, "method_options": options, "external_id": None}, images[:3]


def assert_no_canary(running: Running, job_id: str) -> None:
    """The name stands in no file of the server, no log line, no answer and no artefact."""
    found = [
        running.client.get(f"/v1/jobs/{job_id}{rest}").content for rest in ("", "/events", "/report", "/certificate")
    ]
    found += [path.read_bytes() for path in running.data.rglob("*") if path.is_file()]
    found.append(running.log.read_bytes())
    for patch in running.data.rglob("patch.zip"):
        with zipfile.ZipFile(patch) as archive:
            found += [archive.read(name) for name in archive.namelist()]
    text = b"\n".join(found).lower()
    for word in CANARY.lower().split():
        assert word.encode() not in text


def assert_nothing_left_after_purge(running: Running, job_id: str) -> None:
    """Deleting the job destroys its key and its objects; the log of who did what stays, and is whole."""
    with sqlite3.connect(f"file:{running.data}/lethe.db?mode=ro", uri=True) as db:
        (key,) = db.execute("SELECT wrapped_key FROM jobs WHERE id = ?", (job_id,)).fetchone()
    assert running.client.delete(f"/v1/jobs/{job_id}").status_code == 204
    for command in (["purge"], ["audit", "verify"]):
        done = admin(running.data, *command)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    files = [path for path in running.data.rglob("*") if path.is_file()]
    assert {path.relative_to(running.data / "store").parts[0] for path in files if "store" in path.parts} <= {"audit"}
    assert [path.name for path in files if key in path.read_bytes()] == []


def admin(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`lethe admin` beside the running server."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LETHE_")} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "client.cli", "--data-dir", str(data), "admin", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


def assert_told_in_order(running: Running, job_id: str, attempts: int) -> None:
    """Events without a gap: each attempt is queued, then runs; the last one succeeds."""
    events = running.events(job_id)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    states = [(e["data"]["status"], e["data"].get("attempt")) for e in events if e["type"] == "status"]
    assert [state for state, _ in states] == ["queued", "running"] * attempts + ["succeeded"]
    assert [attempt for state, attempt in states if state == "running"] == list(range(1, attempts + 1))


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int, seconds: float = 60) -> None:
    """Wait for a process's end."""
    deadline = time.monotonic() + seconds
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.1)


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)
