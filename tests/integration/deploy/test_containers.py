"""The images and the compose file, as far as that goes without a container engine: schema, commands, users, health."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import postgres as postgres_server
from tests.servers import redis_server as redis_programs
from tests.servers.postgres import Postgres, open_to_all, place_for_all
from tests.servers.redis_server import Redis
from tests.servers.s3 import S3
from tests.servers.server import free_ports
from tests.support.containers import (
    COMPOSE,
    DOCKERFILE,
    build_context,
    command_of,
    environment,
    healthy,
    installed,
    services,
    stage,
)
from tests.support.paths import ROOT

OURS = ("migrate", "api", "worker", "worker-gpu")
EXACT = re.compile(r"[\w./-]+:\d+\.\d+(\.\d+)?(-[\w.-]+)?(@sha256:[0-9a-f]{64})?")


def test_the_compose_file_is_one() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_whoever_waits_for_health_waits_for_a_check() -> None:
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            check = services()[other].get("healthcheck", {})
            assert how["condition"] in ("service_healthy", "service_completed_successfully"), name
            assert (how["condition"] == "service_healthy") == ("test" in check), (name, other)


def test_images_are_pinned_exactly() -> None:
    foreign = [service["image"] for service in services().values() if "build" not in service]
    foreign.append(re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, flags=re.MULTILINE)[0])
    assert len(foreign) == 4
    assert [image for image in foreign if not EXACT.fullmatch(image)] == []


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_change_nothing_but_their_data(name: str) -> None:
    service = services()[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in service
    assert "\nUSER lethe\n" in stage("runtime")
    assert not re.findall(r"^USER", stage("api") + stage("worker"), flags=re.MULTILINE)
    assert {volume.split(":")[1] for volume in service["volumes"] if not volume.endswith(":ro")} == {"/data"}


def test_only_one_worker_has_the_gpu() -> None:
    devices = services()["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert [(device["driver"], device["capabilities"]) for device in devices] == [("nvidia", ["gpu"])]
    assert "deploy" not in services()["worker"]
    assert {name: services()[name].get("profiles") for name in OURS} == {
        "migrate": None, "api": None, "worker": ["cpu"], "worker-gpu": ["gpu"],
    }  # fmt: skip


@pytest.mark.slow
def test_postgresql_and_redis_are_healthy_when_they_answer(postgres: Postgres, redis_server: Redis) -> None:
    compose, programs = services(), {"postgres": postgres_server.programs(), "redis": redis_programs.programs()}
    if not (programs["redis"] / "redis-cli").exists():
        pytest.skip("there is no redis-cli here")
    url = httpx.URL(postgres.url.replace("postgresql", "http"))
    ports = {"PGHOST": url.host, "PGPORT": str(url.port), "PGDATABASE": "x"}
    cli = f"redis-cli -p {httpx.URL(redis_server.url.replace('redis', 'http')).port}"
    checks = {name: dict(compose[name]["healthcheck"]) for name in programs}
    checks["redis"]["test"] = [word.replace("redis-cli", cli) for word in checks["redis"]["test"]]
    for name, server in (("postgres", postgres), ("redis", redis_server)):
        assert healthy(checks[name], ports, programs[name])
        server.stop()
        assert not healthy(checks[name], ports, programs[name])
        server.start()


@pytest.fixture
def settings(postgres: Postgres, redis_server: Redis, s3: S3, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The compose file's environment with the addresses of real servers."""
    with postgres.database() as url:
        yield {
            "LETHE_DATABASE_URL": url,
            "LETHE_BROKER_URL": redis_server.database(),
            "LETHE_STORAGE_URL": s3.settings()["storage_url"],
            "LETHE_S3_ENDPOINT": s3.endpoint,
            "LETHE_S3_ACCESS_KEY": s3.access_key,
            "LETHE_S3_SECRET_KEY": s3.secret_key,
        }


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can read, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="lethe-image-", dir=place_for_all()) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextlib.contextmanager
def _running(command: list[str], **how: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **how)
    try:
        yield process
    finally:
        assert process.stdout is not None
        process.stdout.close()
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _user(data: Path) -> dict[str, Any]:
    """Where tests run as root, the image's command runs as somebody else, as in the image; if that is possible."""
    if os.geteuid() != 0 or not open_to_all(Path(sys.executable).resolve().parent):
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@pytest.mark.slow
def test_the_api_image_migrates_and_serves_without_torch(
    settings: dict[str, str], redis_server: Redis, open_folder: Path
) -> None:
    context, data = open_folder / "src", open_folder / "data"
    data.mkdir()
    programs = installed(open_folder / "lethe", build_context(context))
    user = _user(data)
    found = environment("api", LETHE_DATA_DIR=str(data), **settings) | {"PATH": f"{programs}:/usr/bin:/bin"}
    here: dict[str, Any] = {"env": found, "cwd": data, **user}
    before = _files(programs.parent)
    assert subprocess.run([programs / "python", "-c", "import torch"], capture_output=True, **here).returncode == 1
    subprocess.run([programs / "python", *services()["migrate"]["command"][1:]], check=True, **here)
    (port,) = free_ports()
    program, *words = [str(port) if word == "8000" else word for word in command_of("api")]
    check = services()["api"]["healthcheck"]
    assert not healthy(check, found, programs, port)
    with _running([str(programs / program), *words], **here) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "ready"
        assert healthy(check, found, programs, port)
        redis_server.stop()
        assert not healthy(check, found, programs, port)
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        redis_server.start()
        assert healthy(check, found, programs, port)
    assert (data / "api-key").stat().st_mode & 0o777 == 0o600
    assert _files(programs.parent) == before, "the image's own file system is read-only"


def _files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_the_worker_image_s_command_is_healthy_while_it_listens(settings: dict[str, str], tmp_path: Path) -> None:
    found = {**environment("worker", LETHE_DATA_DIR=str(tmp_path), **settings), "HF_HOME": str(tmp_path)}
    programs, check = Path(sys.executable).parent, services()["worker"]["healthcheck"]
    root = str(ROOT)
    here: dict[str, Any] = {"env": {**found, "PATH": str(programs), "PYTHONPATH": root}, "cwd": tmp_path}
    subprocess.run([programs / "python", *services()["migrate"]["command"][1:]], check=True, **here)
    assert not healthy(check, found, programs)
    with _running([str(programs / command_of("worker")[0]), *command_of("worker")[1:]], **here) as process:
        deadline = time.monotonic() + 120
        while not healthy(check, found, programs):
            assert process.poll() is None
            assert time.monotonic() < deadline
    assert process.returncode == 0
    assert not healthy(check, found, programs)
