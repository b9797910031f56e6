"""From results to bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.bars import Bar
from core.unlearning.bench.concepts.cases import CONTENDERS, KINDS
from core.unlearning.bench.concepts.summary import ConceptRow, summary_rows
from core.unlearning.bench.store import Result

_BOUNDS: Mapping[tuple[str, int], Mapping[str, float]] = {
    ("closed-form", 1): {"ua": 0.98, "ira": 0.97, "cra": 0.97},
    ("closed-form", 10): {"ua": 0.95, "ira": 0.93},
    ("forget-me-not", 1): {"ua": 0.95, "ira": 0.95, "cra": 0.93},
}
_SECONDS = {"closed-form": 2.0, "forget-me-not": 60.0}
_INVERTED = "attacks inverted_words"
_RECOVERED = {"forget-me-not-pictures": 0.10}
_TITLES = {
    "ua": "UA",
    "ua_indirect": "UA, indirect prompts",
    "base ua": "UA of the base",
    "ira": "IRA",
    "cra": "CRA",
    "base ira": "IRA of the base",
    "base cra": "CRA of the base",
}


def count_jobs(results: Sequence[Result]) -> str:
    """How many jobs each contender has on single targets of ConceptBench's kinds, and on how many targets."""
    parts = []
    for contender in dict.fromkeys(result["contender"] for result in results):
        single = [r for r in results if r["contender"] == contender and len(r["targets"]) == 1 and r["kind"] in KINDS]
        targets = {(r["kind"], r["targets"][0]) for r in single}
        parts.append(f"{CONTENDERS[contender].title}: {len(single)} on {len(targets)} targets")
    return "; ".join(parts)


def bars(results: Sequence[Result]) -> list[Bar]:
    """The bars of one contender after the other."""
    return [bar for row in summary_rows(results) for bar in _of(row)]


def _of(row: ConceptRow) -> list[Bar]:
    name = row.title if row.together == 1 else f"{row.title}, {row.together} at once"
    name += ", harmful concept" if row.harmful else ""
    bounds = {} if row.harmful else _BOUNDS.get((row.contender, row.together), {})
    table = []
    for measure, (mean, spread) in row.measures.items():
        bound, direction = bounds.get(measure), ">="
        if measure == _INVERTED and row.contender in _RECOVERED:
            bound, direction = _RECOVERED[row.contender], "<="
        title = f"{name}: {_title(measure)}"
        table.append(Bar(title, mean, bound, "<=" if direction == "<=" else ">=", spread, row.count))
    seconds = _SECONDS.get(row.contender) if row.together == 1 and not row.harmful else None
    largest = f"largest of {row.count} jobs"
    table.append(Bar(f"{name}: method, seconds of one core", row.processor_seconds, seconds, note=largest))
    table.append(Bar(f"{name}: method, seconds that passed", row.seconds, note=largest))
    table.append(Bar(f"{name}: patch, KB", row.size / 1000, note="largest"))
    return table


def _title(measure: str) -> str:
    return _TITLES.get(measure, measure.replace("attacks", "recovered by").replace("_", " "))
