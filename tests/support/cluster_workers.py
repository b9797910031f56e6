"""Workers of a cluster, each a process with a data folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.gate import Gate
from tests.support.paths import ROOT


@dataclass
class Worker:
    """`gated_worker`; `ends` is the exit status that it is to have."""

    process: subprocess.Popen[bytes]
    data: Path
    log: Path
    ends: int = 0

    def lines(self, **wanted: object) -> list[dict[str, Any]]:
        """What it and its children logged with these values."""
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if all(line.get(name) == value for name, value in wanted.items())]

    def runs(self, pid: int) -> bool:
        """Whether a process is a child of its pool."""
        stat = Path(f"/proc/{pid}/stat").read_text()
        return int(stat.rpartition(")")[2].split()[1]) == self.process.pid


@contextmanager
def working(data: Path, settings: Mapping[str, str], gate: Gate) -> Iterator[Worker]:
    """A worker whose jobs wait at the gate, until the end of the block; then its orderly end, unless it has ended."""
    log = data.with_name(f"{data.name}.log")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LETHE_")} | {"PYTHONPATH": str(ROOT)}
    # Two workers that use both cores each wait for each other most of the time.
    environment |= {"OMP_NUM_THREADS": "1", **gate.environment()}
    environment |= {f"LETHE_{name.upper()}": value for name, value in {**settings, "data_dir": str(data)}.items()}
    with log.open("wb") as err:
        process = subprocess.Popen([sys.executable, "-m", "tests.support.gated_worker"], stderr=err, env=environment)
    worker = Worker(process, data, log)
    try:
        yield worker
    finally:
        process.terminate()
        assert process.wait(60) == worker.ends
