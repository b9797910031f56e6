"""Keeps a worker process running beside an embedded server, and ends it with the server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from core.service.context import Services
from core.service.jobs.lease import release_owner
from core.service.settings import Settings

log = structlog.get_logger(__name__)

FIRST_PAUSE, MAX_PAUSE, HEALTHY_AFTER = 0.5, 15.0, 60.0
STOP_SECONDS = 20.0
COMMAND = (sys.executable, "-m", "worker")


class WorkerChild:
    """`python -m worker`, restarted whenever it exits.

    The child knows the id of this process and exits when it is no longer its parent's: so it ends with the server even
    after SIGKILL.
    """

    def __init__(self, services: Services, command: Sequence[str] = COMMAND) -> None:
        self._services, self._command = services, list(command)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="worker-supervisor", daemon=True)

    def start(self) -> None:
        """Start the child. It needs seconds to load its libraries; this returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Let the child hand its job back and exit; kill it after a grace time."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            started = time.monotonic()
            process = self._spawn()
            if process is None:
                return
            code = process.wait()
            self._release(process.pid)
            if self._stopping.is_set():
                return
            pause = FIRST_PAUSE if time.monotonic() - started > HEALTHY_AFTER else min(MAX_PAUSE, pause * 2)
            log.warning("worker_died", pid=process.pid, exit_code=code, restart_in=pause)
            self._stopping.wait(pause)

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment(self._services.settings), "LETHE_PARENT_PID": str(os.getpid())},
                start_new_session=True,
            )
            log.info("worker_started", pid=self._process.pid)
            return self._process

    def _release(self, pid: int) -> None:
        """End the leases of a dead child, so that the next one need not wait for them to expire."""
        try:
            with self._services.db.write() as session:
                release_owner(session, f"{socket.gethostname()}:{pid}")
        except Exception as error:
            log.warning("release_failed", pid=pid, error=type(error).__name__)


def environment(settings: Settings) -> dict[str, str]:
    """The `LETHE_*` variables that make a child process use the same settings."""
    variables: dict[str, str] = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if value is None:
            continue
        if hasattr(value, "get_secret_value"):
            value = value.get_secret_value()
        variables[f"LETHE_{name.upper()}"] = _joined(value) if isinstance(value, list) else str(value)
    return variables


def _joined(values: list[Path] | list[str]) -> str:
    return (os.pathsep if any(isinstance(value, Path) for value in values) else ",").join(map(str, values))
