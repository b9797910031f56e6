"""The process that evaluates a patch, where it does not answer."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from core.unlearning.jobs.fresh.process import FreshProcess, FreshProcessError
from core.unlearning.progress import Silent
from core.unlearning.types import ModelSpec

SPEC = ModelSpec("nowhere", "mllm", "/nowhere")


def _children() -> set[psutil.Process]:
    return set(psutil.Process().children())


def test_one_that_is_killed_fails_the_job_so_that_it_is_tried_again(tmp_path: Path) -> None:
    before = _children()
    with FreshProcess(SPEC, threads=1, preload=False) as fresh:
        (process,) = _children() - before
        process.kill()
        with pytest.raises(FreshProcessError) as error:
            fresh.evaluate(tmp_path, [], "quick", Silent())
    assert (error.value.code, error.value.retryable) == ("evaluation_process_died", True)


def test_leaving_it_ends_it_whatever_it_does() -> None:
    before = _children()
    with FreshProcess(SPEC, threads=1, preload=True):
        (process,) = _children() - before
    assert not process.is_running()
