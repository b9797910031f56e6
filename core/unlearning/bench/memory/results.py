"""Results in files, one for each case, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.unlearning.bench.memory.cases import Case
from core.unlearning.bench.memory.setup import Setup
from core.unlearning.jobs.work import validate_options

Result = dict[str, Any]
FINAL = ("training_diverged", "patch_has_no_effect", "nothing_to_forget")
"""Errors that come again whenever the case is run; with any other it is tried again."""


def claim(setup: Setup, digest: str) -> None:
    """Makes the work folder that of this model and these people. Raises `ValueError` where it is another's."""
    path = setup.work / "bench.json"
    about = {"model": digest, "data": setup.data and str(setup.data.resolve()), "layout": setup.layout}
    if not path.is_file():
        write(path, about)
    elif json.loads(path.read_text(encoding="utf-8")) != about:
        raise ValueError(f"{setup.work} holds a benchmark of another model or other data; choose another folder")


def path_of(work: Path, name: str) -> Path:
    """The file of a case, or of what cases share."""
    return work / "cases" / f"{name}.json"


def write(path: Path, value: Any) -> None:
    """At once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.part")
    partial.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, path)


def kept(setup: Setup, case: Case) -> Result | None:
    """What is there of a case, where it was run with the same options, beside the same oracle and judge."""
    path = path_of(setup.work, case.name)
    if not path.is_file():
        return None
    found: Result = json.loads(path.read_text(encoding="utf-8"))
    return found if found["asked"] == asked(setup, case) else None


def stands(result: Result) -> bool:
    """Whether running the case again would bring nothing else."""
    return result["error"] is None or result["error"] in FINAL


def is_done(setup: Setup, case: Case) -> bool:
    """Whether nothing is left to run or to measure."""
    found = kept(setup, case)
    return (
        found is not None and stands(found) and (setup.level == "standard" or bool(found["robust"] or found["error"]))
    )


def asked(setup: Setup, case: Case) -> dict[str, Any]:
    """What a result depends on, beside what the work folder stands for: with every default of the method's options."""
    oracle, judge = setup.oracle and str(setup.oracle), setup.judge and setup.judge.model
    options = validate_options(case.method, setup.spec(), case.options).model_dump(mode="json")
    return {"options": options, "oracle": oracle, "judge": judge}


def new_result(case: Case) -> Result:
    """Before anything is run. `asked` is missing: what it is a result of."""
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


def read(setup: Setup, cases: Iterable[Case]) -> list[Result]:
    """Those cases that are there."""
    return [result for case in cases if (result := kept(setup, case)) is not None]
