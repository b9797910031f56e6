"""What the servers have in common: a folder, a port, and processes that may be stopped, killed and started again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.servers import reaper

START_SECONDS, STOP_SECONDS = 120.0, 60.0
POLL_SECONDS = 0.05
PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections: nobody takes the port while the server is away."""


class Server(ABC):
    """Its processes and its folder are gone after `close`, and after the end of this process, whatever that was."""

    STOP: signal.Signals = signal.SIGTERM
    KILL: signal.Signals = signal.SIGKILL

    def __init__(self, name: str, *, elsewhere: bool) -> None:
        self.name, self.elsewhere = name, elsewhere
        self._processes: list[subprocess.Popen[bytes]] = []
        if not elsewhere:
            self.folder = Path(tempfile.mkdtemp(prefix=f"lethe-{name}-", dir=self._place()))
            reaper.watch(self.folder)

    @abstractmethod
    def commands(self) -> Sequence[Sequence[str | Path]]:
        """One command line a process."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it answers. An `OSError` means no."""

    def start(self) -> None:
        """Returns once it answers. Does nothing where it runs."""
        if self.elsewhere or self._processes:
            return
        for command in self.commands():
            self._spawn(command)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if any(process.poll() is not None for process in self._processes) or time.monotonic() > deadline:
                self._end(signal.SIGKILL)
                raise RuntimeError(f"{self.name} did not start:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """An orderly end. Returns once it is gone."""
        self._must_be_ours()
        self._end(self.STOP)

    def kill(self) -> None:
        """An end without warning. Returns once it is gone."""
        self._must_be_ours()
        self._end(self.KILL)

    def restart(self) -> None:
        """Stop and start, on the same port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop for good and remove every trace."""
        if not self.elsewhere:
            self._end(self.STOP)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _must_be_ours(self) -> None:
        if self.elsewhere:
            pytest.skip(f"this {self.name} was started by somebody else")

    def _place(self) -> str:
        return tempfile.gettempdir()

    def _user(self) -> dict[str, Any]:
        """Arguments for `Popen` with which the process belongs to another user."""
        return {}

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _spawn(self, command: Sequence[str | Path]) -> None:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._user(),
            )
        self._processes.append(process)
        reaper.watch(process.pid)

    def _answers(self) -> bool:
        try:
            return self.ready()
        except OSError:
            return False

    def _end(self, how: signal.Signals) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(how)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            reaper.forget(process.pid)
        self._processes.clear()


def free_ports(count: int = 1) -> list[int]:
    """Ports on 127.0.0.1 that nobody listens on."""
    found: list[int] = []
    while len(found) < count:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found
