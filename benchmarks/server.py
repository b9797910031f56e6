"""An embedded server in a process of its own, for the duration of a benchmark."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from client import Lethe


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def server(data_dir: Path, *, worker: bool = True, models: Path | None = None) -> Iterator[Lethe]:
    """Start `python -m api`, wait until it is ready, stop it afterwards. `models`: where models may lie."""
    port = _free_port()
    environment = {**os.environ, **({"LETHE_MODEL_ROOTS": str(models.resolve())} if models else {})}
    command = [sys.executable, "-m", "api", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(data_dir)]
    with (data_dir.parent / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, *([] if worker else ["--no-worker"])], stderr=log, stdout=log, env=environment
        )
        try:
            key = data_dir / "api-key"
            yield _connect(process, f"http://127.0.0.1:{port}", key)
        finally:
            process.terminate()
            process.wait(30)


def _connect(process: subprocess.Popen[bytes], url: str, key: Path) -> Lethe:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if key.exists():
            client = Lethe(url, key.read_text().strip())
            if client.ready():
                return client
            client.close()
        time.sleep(0.05)
    raise RuntimeError("the server did not get ready; see server.log in the work folder")
