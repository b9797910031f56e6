"""What is stored of a case, and whether anything of it is left to measure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.unlearning.bench.concepts.cases import CONTENDERS, ConceptCase
from core.unlearning.bench.concepts.setup import ConceptSetup
from core.unlearning.bench.patch import TrainedPatch
from core.unlearning.bench.store import Result, ResultStore
from core.unlearning.methods.base import JobContext

INVERSION = "inverted_words"
"""The attack whose number shows that a case was attacked."""


def stored_result(setup: ConceptSetup, case: ConceptCase) -> Result | None:
    """The case's stored result."""
    result: Result | None = setup.store.read(case.name)
    return result


def stored_results(folder: Path) -> list[Result]:
    """Every result in a work folder, in the order of a whole run. Raises `FileNotFoundError` where there is none."""
    results: list[Result] = []
    for contender in CONTENDERS:
        results += sorted(ResultStore(folder).read_all(f"{contender}.*"), key=_position)
    if not results:
        raise FileNotFoundError(f"there are no results in {folder}")
    return results


def _position(result: Result) -> tuple[int, str, str, int]:
    return len(result["targets"]), str(result["kind"]), str(result["targets"][0]), int(result["seed"])


def stored_patch(setup: ConceptSetup, case: ConceptCase) -> TrainedPatch | None:
    """The patch of a case that has a result; None where there is none, or where its patch was deleted."""
    result, adapter = stored_result(setup, case), JobContext(setup.job_folder(case)).adapter
    if result is None or not adapter.is_dir():
        return None
    return TrainedPatch(adapter, result["seconds"], result["processor_seconds"], result["bytes"], result["details"])


def is_measured(setup: ConceptSetup, case: ConceptCase) -> bool:
    """Whether the case is evaluated, and attacked where it has to be."""
    result = stored_result(setup, case)
    return result is not None and (not setup.is_attacked(case) or INVERSION in result["attacks"])


def lacks_score(setup: ConceptSetup, case: ConceptCase) -> bool:
    """Whether the M-Score is left to measure."""
    return setup.is_scored(case) and "m_score" not in (stored_result(setup, case) or {})


def case_result(case: ConceptCase, patch: TrainedPatch, numbers: Mapping[str, Any]) -> Result:
    """The result as it is stored."""
    return {
        "case": case.name,
        "contender": case.contender,
        "kind": case.kind,
        "targets": list(case.targets),
        "seed": case.seed,
        **patch.to_json(),
        **numbers,
    }
