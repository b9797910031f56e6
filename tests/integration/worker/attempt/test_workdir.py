"""What a killed worker leaves in its folder is erased by the next one, and nothing of one that lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from worker.attempt.workdir import clear_abandoned, working_in

WORKER = """
import pathlib, sys, time
from worker.attempt.workdir import working_in
with working_in(pathlib.Path(sys.argv[1]), "job_1-1") as folder:
    (folder / "adapter").write_bytes(b"not encrypted")
    print("ready", flush=True)
    sys.stdin.read()
"""


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def a_worker(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, str(folder)]
    worker = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def test_the_folder_of_a_killed_worker_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    with a_worker(tmp_path) as worker:
        clear_abandoned(tmp_path)
        assert (tmp_path / "job_1-1" / "adapter").is_file()
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    assert names(tmp_path) == {"job_1-1", "job_1-1.lock"}
    with working_in(tmp_path, "job_1-2"):
        assert names(tmp_path) == {"job_1-2", "job_1-2.lock"}
    assert names(tmp_path) == set()


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with working_in(tmp_path, "job_1-1") as folder:
            (folder / "adapter").write_bytes(b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names(tmp_path) == set()


def test_what_an_earlier_release_left_goes_too(tmp_path: Path) -> None:
    (tmp_path / "job_1-1").mkdir()
    clear_abandoned(tmp_path)
    assert names(tmp_path) == set()
    clear_abandoned(tmp_path / "nowhere")
