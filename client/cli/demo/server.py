"""A local Lethe server for the time of the demo."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from client.errors import LetheError
from client.lethe import Lethe
from client.retry import RetryPolicy

_READY_SECONDS = 90.0
_STOP_SECONDS = 30.0


class LocalServer:
    """`python -m api` on a free port: API and worker. Leaving the `with` block stops all of it, however it is left."""

    def __init__(self, data_dir: Path, log: Path, models: Path) -> None:
        """`models`: the folder in which models may lie that are registered."""
        self.data_dir = data_dir
        self.log = log
        self._models = models
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "api", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(self.data_dir)]
        # Settings of another server in the environment must not lead the demo to its database.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LETHE_")}
        environment["LETHE_MODEL_ROOTS"] = str(self._models.resolve())
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def client(self) -> Lethe:
        """A client, once the server takes jobs. Raises `LetheError` when it does not come up."""
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            self._check_alive()
            url = self._url()
            if url is not None:
                client = Lethe(url, data_dir=self.data_dir, retry=RetryPolicy(max_retries=6))
                if client.ready():
                    return client
                client.close()
            time.sleep(0.1)
        raise LetheError(f"the server did not get ready within {_READY_SECONDS:.0f} s; its log is {self.log}")

    def _url(self) -> str | None:
        """The server says on a line of JSON where it listens."""
        for line in self.log.read_text(errors="replace").splitlines():
            if line.startswith("{") and '"ready"' in line:
                url: str = json.loads(line)["url"]
                return url
        return None

    def stop(self) -> None:
        """End the server and its worker: politely first, then for certain."""
        process, self._process = self._process, None
        if process is None:
            return
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            _end_group(process.pid)
            process.wait()
        finally:
            signal.signal(signal.SIGINT, before)

    def _check_alive(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            raise LetheError(
                f"the server stopped by itself: {lines[-1] if lines else 'it said nothing'} (see {self.log})"
            )


def _end_group(group: int) -> None:
    """Whoever is left of the server's session."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
