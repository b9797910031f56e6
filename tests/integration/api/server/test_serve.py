"""The server as a process: what it loads, what it says, what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from api.__main__ import listen
from api.server.folder_lock import holding
from api.server.worker_child import WorkerChild
from core.service.jobs import lease
from core.service.settings import Settings
from tests.support.api_server import CANARY, MODEL, Server, request, serving
from tests.support.paths import ROOT

_FAST_RESTART = 0.05
IMPORT_AND_SERVE = """
import sys, threading, time, urllib.request, pathlib
import uvicorn
from api.app import create_app
from core.service.telemetry import logs
from core.service.settings import Settings
logs.configure("ERROR")
app = create_app(Settings(data_dir=pathlib.Path(sys.argv[1])))
server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
threading.Thread(target=server.run, daemon=True).start()
while not server.started:
    time.sleep(0.01)
url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
print(urllib.request.urlopen(url + "/healthz").read().decode())
urllib.request.urlopen(url + "/openapi.json").read()
print(sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "transformers", "peft", "numpy", "worker"}))
"""


NOTE_PID = """
import os, pathlib, signal, sys, time
note = pathlib.Path(sys.argv[1], str(os.getpid()))
note.with_suffix(".draft").write_text(os.environ["LETHE_DATA_DIR"])
note.with_suffix(".draft").rename(note)
""".strip()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_the_api_serves_without_torch(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IMPORT_AND_SERVE, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ['{"status":"ok"}', "[]"]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m api` without a worker, and its URL."""
    command = [sys.executable, "-m", "api", "--port", "0", "--data-dir", str(tmp_path / "data"), "--no-worker"]
    with (tmp_path / "log").open("w") as log:
        started = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    assert started.stdout is not None
    try:
        yield started, json.loads(started.stdout.readline())["url"]
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


def test_one_command_makes_a_working_server(process: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    running, url = process
    data = tmp_path / "data"
    for secret in ("api-key", "master.key", "signing.key"):
        assert stat.S_IMODE((data / secret).stat().st_mode) == 0o600
    headers = {"Authorization": f"Bearer {(data / 'api-key').read_text().strip()}"}
    until(lambda: httpx.get(f"{url}/readyz", timeout=60).status_code == 200)
    body = {"id": MODEL, "family": "mllm", "source": "owner/tiny"}
    assert httpx.post(f"{url}/v1/models", json=body, headers=headers).status_code == 201
    assert httpx.post(f"{url}/v1/jobs", json=request(), headers=headers).status_code == 202
    assert httpx.get(f"{url}/v1/jobs?external_id={CANARY}", headers=headers).status_code == 200
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert {(line["method"], line["route"], line["status"]) for line in requests} == {
        ("POST", "/v1/models", 201), ("POST", "/v1/jobs", 202), ("GET", "/v1/jobs", 200),
    }  # fmt: skip
    assert all(line["request_id"] and line["ms"] >= 0 for line in requests)
    assert CANARY.partition(" ")[0] not in (tmp_path / "log").read_text()


def test_a_second_start_finds_everything_again(process: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    running, _ = process
    key = (tmp_path / "data" / "api-key").read_text()
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 0
    with serving(tmp_path / "data") as server:
        assert (tmp_path / "data" / "api-key").read_text() == key
        assert server.client.get("/v1/jobs").status_code == 200


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "api", "--port", port, "--data-dir", str(tmp_path), "--no-worker"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("lethe: cannot start: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_second_server_with_a_worker_does_not_take_the_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "api", "--port", "0", "--data-dir", str(tmp_path / "data")]
    (tmp_path / "data" / "work" / "job_1-1").mkdir(parents=True)
    with holding(tmp_path / "data"):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "lethe: cannot start: another server with a worker uses this data folder; stop it first\n"
    assert (tmp_path / "data" / "work" / "job_1-1").is_dir()
    with holding(tmp_path / "data"):
        pass


def test_an_answers_body_does_not_wait_for_its_head_to_be_acknowledged(tmp_path: Path) -> None:
    listening = listen(Settings(data_dir=tmp_path, port=0))
    with listening, socket.create_connection(listening.getsockname()[:2]), listening.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "data") as running:
        yield running


def noted(folder: Path) -> list[int]:
    return [int(name) for name in os.listdir(folder) if name.isdecimal()]


def waiting_child(folder: Path) -> list[str]:
    """A child that notes its pid and settings, and does nothing more."""
    return [sys.executable, "-c", f"{NOTE_PID}\ntime.sleep(300)", str(folder)]


def test_a_dead_worker_is_replaced_and_its_job_freed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.server.worker_child.FIRST_PAUSE", _FAST_RESTART)
    pids = tmp_path / "pids"
    pids.mkdir()
    child = WorkerChild(server.services, waiting_child(pids))
    child.start()
    try:
        until(lambda: len(noted(pids)) == 1)
        first = noted(pids)[0]
        job_id = server.create()["id"]
        with server.services.db.write() as session:
            assert lease.claim(session, job_id, f"{socket.gethostname()}:{first}", 600) is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: len(noted(pids)) == 2)
        until(lambda: server.client.get(f"/v1/jobs/{job_id}").json()["status"] == "queued")
    finally:
        child.stop()
    second = next(pid for pid in noted(pids) if pid != first)
    assert (pids / str(second)).read_text() == str(server.services.settings.data_dir)
    until(lambda: not Path(f"/proc/{second}").exists())


def test_a_worker_that_does_not_listen_is_made_to_go(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.server.worker_child.STOP_SECONDS", 0.5)
    pids = tmp_path / "pids"
    pids.mkdir()
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{NOTE_PID}\ntime.sleep(300)"
    child = WorkerChild(server.services, [sys.executable, "-c", deaf, str(pids)])
    child.start()
    try:
        until(lambda: noted(pids) != [])
    finally:
        child.stop()
    (pid,) = noted(pids)
    until(lambda: not Path(f"/proc/{pid}").exists())
