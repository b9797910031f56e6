"""PostgreSQL, the API and the baseline application, each in processes of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from tests.servers.postgres import Postgres

ROOT = Path(__file__).parents[2]


class DurablePostgres(Postgres):
    """With fsync, as in production."""

    def commands(self) -> Sequence[Sequence[str | Path]]:
        return [["fsync=on" if part == "fsync=off" else part for part in line] for line in super().commands()]


@dataclass(frozen=True)
class Api:
    """A running API and its first key."""

    port: int
    key: str
    url: str


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database."""
    server = DurablePostgres()
    server.start()
    try:
        with server.database() as url:
            yield make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    finally:
        server.close()


@contextmanager
def api(folder: Path, database: str, *, worker: bool = False) -> Iterator[Api]:
    """`python -m api` with its default settings, but for the rate limit and the length of the queue."""
    settings = {
        "LETHE_DATABASE_URL": database,
        "LETHE_REQUESTS_PER_MINUTE": "1000000000",
        "LETHE_MAX_QUEUED_JOBS": "1000000000",
        "LETHE_SWEEP_SECONDS": "3600",
    }
    command = [sys.executable, "-m", "api", "--port", "0", "--data-dir", str(folder)]
    with (folder.with_suffix(".log")).open("ab") as log:
        process = subprocess.Popen(
            command + ([] if worker else ["--no-worker"]),
            env=os.environ | settings, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        yield Api(int(url.rpartition(":")[2]), (folder / "api-key").read_text().strip(), url)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def baseline(database: str) -> Iterator[int]:
    """The port of `benchmarks.api.baseline`."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = int(listening.getsockname()[1])
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.api.baseline", str(listening.fileno())],
            pass_fds=[listening.fileno()], env=os.environ | {"DATABASE_URL": database}, cwd=ROOT,
        )  # fmt: skip
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 60
    with socket.create_connection(("127.0.0.1", port), timeout=60) as one:
        one.sendall(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while not one.recv(4096):
            assert time.monotonic() < deadline
