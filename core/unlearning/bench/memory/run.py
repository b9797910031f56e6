"""Runs cases in one process or in several, and goes on where an earlier run was."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import TYPE_CHECKING

from core.unlearning.bench.memory.cases import Case
from core.unlearning.bench.memory.results import Result, is_done, read
from core.unlearning.bench.memory.setup import Setup

if TYPE_CHECKING:
    from core.unlearning.bench.memory.runner import Runner

OnCase = Callable[[Result], None]


class ProcessDiedError(Exception):
    """A process ended without a word; killed for its memory, most of the time."""


def run(setup: Setup, cases: Sequence[Case], on_case: OnCase, processes: int = 1) -> list[Result]:
    """Every case's result, in their order; `on_case` hears of each once, those that are there already first.

    Raises `JudgeError`, `ProcessDiedError`, and `ModelLoadError` for a base that cannot be loaded; what is finished by
    then is kept.
    """
    todo = [case for case in cases if not is_done(setup, case)]
    for result in read(setup, [case for case in cases if is_done(setup, case)]):
        on_case(result)
    if todo:
        for result in _alone(setup, todo) if processes == 1 else _several(setup, todo, processes):
            on_case(result)
    return read(setup, cases)


def _alone(setup: Setup, todo: Sequence[Case]) -> Iterator[Result]:
    from core.unlearning.bench.memory.runner import Runner

    runner = Runner(setup)
    yield from map(runner.run, todo)


def _several(setup: Setup, todo: Sequence[Case], processes: int) -> Iterator[Result]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(processes, len(todo)), context)
    try:
        for future in as_completed([pool.submit(_one, setup, case) for case in todo]):
            yield future.result()
    except BrokenProcessPool:
        raise ProcessDiedError("a process was killed, for its memory most of the time; run fewer at once") from None
    finally:
        pool.shutdown(cancel_futures=True)


@cache
def _runner(setup: Setup) -> Runner:
    """A process's own one. Made with its first case, since what an initializer raises only says that the pool broke."""
    from core.unlearning.bench.memory.runner import Runner

    return Runner(setup)


def _one(setup: Setup, case: Case) -> Result:
    return _runner(setup).run(case)
