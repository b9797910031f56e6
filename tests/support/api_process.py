"""A real API on a data folder of its own, and the command line as a user has it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from client import Lethe
from tests.support.paths import ROOT

READY_SECONDS = 120


def environment(**more: str) -> dict[str, str]:
    """The environment of a user who has set nothing of ours; our packages are importable from anywhere."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("LETHE_")}
    return plain | {"PYTHONPATH": str(ROOT)} | more


@contextmanager
def serving(data_dir: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """`python -m api` on a free port; yields its URL and ends it with SIGTERM."""
    log = data_dir.with_name(f"{data_dir.name}.log")
    command = [sys.executable, "-m", "api", "--port", "0", "--data-dir", str(data_dir), *arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment(**(settings or {})))
    try:
        yield _url(process, log)
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        for line in log.read_text().splitlines():
            if line.startswith("{") and json.loads(line).get("event") == "ready":
                url = json.loads(line)["url"]
                with Lethe(url, "none") as probe:
                    if probe.ready():
                        return url
        time.sleep(0.05)
    raise AssertionError(f"the API did not get ready:\n{log.read_text()}")


def assert_no_process_mentions(text: str) -> None:
    """None that still lives a while later: some end by themselves when they notice that their maker is gone."""
    deadline = time.monotonic() + READY_SECONDS
    while found := _processes_mentioning(text):
        assert time.monotonic() < deadline, f"still there: {found}"
        time.sleep(0.05)


def _processes_mentioning(text: str) -> list[int]:
    """Ids of live processes whose command line or environment holds the text."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if text.encode() in told and not zombie:
            found.append(int(entry.name))
    return found


def end(process: subprocess.Popen[bytes], number: signal.Signals, seconds: float) -> int:
    """Send a signal and return the exit status."""
    process.send_signal(number)
    return process.wait(seconds)
