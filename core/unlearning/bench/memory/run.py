"""Runs cases in one process or in several, and resumes where an earlier run stopped."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import TYPE_CHECKING

from core.unlearning.bench.memory.cases import MemoryCase
from core.unlearning.bench.memory.results import is_done, stored_results
from core.unlearning.bench.memory.setup import MemorySetup
from core.unlearning.bench.store import Result

if TYPE_CHECKING:
    from core.unlearning.bench.memory.runner import Runner

OnCase = Callable[[Result], None]


class ProcessDiedError(Exception):
    """A process was killed, most often for its memory."""


def run(setup: MemorySetup, cases: Sequence[MemoryCase], on_case: OnCase, processes: int = 1) -> list[Result]:
    """The result of every case, in their order. `on_case` is called once for each, first for those already stored.

    Raises `JudgeError`, `ProcessDiedError`, and `ModelLoadError` for a base that cannot be loaded; results that are
    finished by then stay stored.
    """
    todo = [case for case in cases if not is_done(setup, case)]
    for result in stored_results(setup, [case for case in cases if is_done(setup, case)]):
        on_case(result)
    if todo:
        for result in _run_here(setup, todo) if processes == 1 else _run_in_pool(setup, todo, processes):
            on_case(result)
    return stored_results(setup, cases)


def _run_here(setup: MemorySetup, todo: Sequence[MemoryCase]) -> Iterator[Result]:
    from core.unlearning.bench.memory.runner import Runner

    runner = Runner(setup)
    yield from map(runner.run, todo)


def _run_in_pool(setup: MemorySetup, todo: Sequence[MemoryCase], processes: int) -> Iterator[Result]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(processes, len(todo)), context)
    try:
        for future in as_completed([pool.submit(_run_case, setup, case) for case in todo]):
            yield future.result()
    except BrokenProcessPool:
        raise ProcessDiedError("a process was killed, for its memory most of the time; run fewer at once") from None
    finally:
        pool.shutdown(cancel_futures=True)


@cache
def _runner(setup: MemorySetup) -> Runner:
    """The process's runner, made with its first case: an error in a pool's initializer would only break the pool."""
    from core.unlearning.bench.memory.runner import Runner

    return Runner(setup)


def _run_case(setup: MemorySetup, case: MemoryCase) -> Result:
    return _runner(setup).run(case)
