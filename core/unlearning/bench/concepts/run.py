"""Runs cases, and resumes where an earlier run stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from core.unlearning.bench.concepts.cases import ConceptCase
from core.unlearning.bench.concepts.results import is_measured, lacks_score, stored_result
from core.unlearning.bench.concepts.runner import Runner
from core.unlearning.bench.concepts.setup import ConceptSetup
from core.unlearning.bench.store import Result
from core.unlearning.progress import Progress

OnCase = Callable[[Result], None]


def run(setup: ConceptSetup, cases: Sequence[ConceptCase], progress: Progress, on_case: OnCase) -> list[Result]:
    """The result of every case, in their order. What a stored result lacks is measured on the patch that is stored."""
    setup.work.mkdir(parents=True, exist_ok=True)
    runner, results = Runner(setup, progress), list[Result]()
    for _, members in groupby(cases, key=lambda case: case.group):
        group = list(members)
        if not all(is_measured(setup, case) for case in group):
            runner.measure(group)
        for case in group:
            if lacks_score(setup, case):
                runner.score(case)
            results.append(stored_result(setup, case) or {})
            on_case(results[-1])
    return results
