"""What an earlier run has left in its folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from core.unlearning.bench.concepts.cases import CONTENDERS, KINDS
from core.unlearning.bench.concepts.summary import Result


def kept_results(work: Path) -> list[Result]:
    """Every case's, in the order in which a whole run has them. Raises `FileNotFoundError` where there is none."""
    found: list[Result] = []
    for contender in CONTENDERS:
        files = [file for file in work.glob(f"{contender}.*.json") if file.is_file()]
        found += sorted((json.loads(file.read_text()) for file in files), key=_place)
    if not found:
        raise FileNotFoundError(f"there are no results in {work}")
    return found


def counted(results: Sequence[Result]) -> str:
    """How many jobs each contender has on one target of ConceptBench's kinds, and on how many targets."""
    told = []
    for contender in dict.fromkeys(result["contender"] for result in results):
        alone = [r for r in results if r["contender"] == contender and len(r["targets"]) == 1 and r["kind"] in KINDS]
        targets = {(r["kind"], r["targets"][0]) for r in alone}
        told.append(f"{CONTENDERS[contender].title}: {len(alone)} on {len(targets)} targets")
    return "; ".join(told)


def _place(result: Result) -> tuple[int, str, str, int]:
    return len(result["targets"]), str(result["kind"]), str(result["targets"][0]), int(result["seed"])
