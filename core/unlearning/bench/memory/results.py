"""What is stored of a case, and whether a case has to be run again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.unlearning.bench.memory.cases import MemoryCase
from core.unlearning.bench.memory.setup import MemorySetup
from core.unlearning.bench.store import Result, ResultStore
from core.unlearning.jobs.work import validate_options

FINAL_ERRORS = ("training_diverged", "patch_has_no_effect", "nothing_to_forget", "not_known")
"""Errors that occur again whenever the case is run. After any other the case is run again."""


def claim_folder(setup: MemorySetup, digest: str) -> None:
    """Bind the work folder to this model and this data. Raises `ValueError` where it is bound to others."""
    owner = {"model": digest, "data": setup.data and str(setup.data.resolve()), "layout": setup.layout}
    if ResultStore(setup.work).read_or_measure("bench", lambda: owner) != owner:
        raise ValueError(f"{setup.work} holds a benchmark of another model or other data; choose another folder")


def stored_result(setup: MemorySetup, case: MemoryCase) -> Result | None:
    """The case's stored result, where it was run with the same options, oracle and judge."""
    result: Result | None = setup.store.read(case.name)
    return result if result is not None and result["asked"] == conditions(setup, case) else None


def stored_results(setup: MemorySetup, cases: Iterable[MemoryCase]) -> list[Result]:
    """The results of those cases that have one."""
    return [result for case in cases if (result := stored_result(setup, case)) is not None]


def is_final(result: Result) -> bool:
    """Whether running the case again would give the same result."""
    return result["error"] is None or result["error"] in FINAL_ERRORS


def is_done(setup: MemorySetup, case: MemoryCase) -> bool:
    """Whether nothing is left to run or to measure."""
    result = stored_result(setup, case)
    if result is None or not is_final(result):
        return False
    return setup.level == "standard" or bool(result["robust"] or result["error"])


def conditions(setup: MemorySetup, case: MemoryCase) -> dict[str, Any]:
    """What a result depends on beside the work folder's model and data: all options, defaults included."""
    oracle, judge = setup.oracle and str(setup.oracle), setup.judge and setup.judge.model
    options = validate_options(case.method, setup.spec(), case.options).model_dump(mode="json")
    return {"options": options, "oracle": oracle, "judge": judge}


def empty_result(case: MemoryCase) -> Result:
    """The result before anything is run, without `asked`, the conditions it holds under."""
    return {
        "case": case.name,
        "contender": case.contender,
        "method": case.method,
        "options": dict(case.options),
        "ratio": case.ratio,
        "seed": case.seed,
        "role": case.role,
        "error": None,
        "seconds": None,
        "processor_seconds": None,
        "case_processor_seconds": None,
        "bytes": None,
        "details": {},
        "records": [],
        "robust": [],
    }
