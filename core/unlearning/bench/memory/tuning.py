"""Tuning: a small grid of options for each method, evaluated on people who are in no result.

Every baseline has the same number of points. `smfa` and the control `retain-only` have none: they run with their
defaults, which were chosen earlier and on other people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from core.unlearning.bench.memory.cases import MemoryCase, contenders
from core.unlearning.bench.memory.records import from_json, value
from core.unlearning.bench.store import ResultStore
from core.unlearning.methods.registry import catalogue

BUNDLED = Path(__file__).parent / "data"
"""The folder of the options chosen for the bundled reference model."""
_NAME = "chosen"
"""Stored name of chosen options."""
RATIO, SEED = 5, 0
MAX_UTILITY_DROP = 0.02
"""The most forgetting at this utility drop or less wins; where no point is within it, the best harmonic mean."""
LEARNING_RATE = "lr"
"""Grid values are multiples of the method's own default, which depends on the model's width."""

Options = Mapping[str, Any]


def _grid(**values: Sequence[Any]) -> list[Options]:
    return [dict(zip(values, point, strict=True)) for point in product(*values.values())]


_RETAINING = _grid(lr=(1.0, 0.3), retain_weight=(1.0, 4.0))
GRID: Mapping[str, Sequence[Options]] = {
    "gradient-ascent": _grid(lr=(2.0, 1.0, 0.5, 0.25)),
    "gradient-difference": _RETAINING,
    "kl-minimisation": _RETAINING,
    "npo": _RETAINING,
    "simnpo": _RETAINING,
    "dpo": _RETAINING,
    "idk": _RETAINING,
    "undial": _grid(lr=(1.0, 0.3), retain_weight=(0.0, 4.0)),
    "rmu": _grid(lr=(1.0, 0.3), steering=(2.0, 6.0)),
    "task-arithmetic": _grid(lr=(1.0, 0.3), utility_floor=(0.95, 0.98)),
    "mmunlearner": _grid(lr=(1.0, 4.0), threshold=(1.0, 4.0), keep_text=(False,)),
    "manu": _grid(share=(0.01, 0.02, 0.05, 0.1)),
}


def tuning_cases(names: Sequence[str], width: int) -> Iterator[MemoryCase]:
    """A case for every point of the contenders that have a grid. `width`: the language model's hidden size."""
    known = contenders()
    for name in names:
        for number, point in enumerate(GRID.get(name, ())):
            options = {**known[name].options, **_with_learning_rate(known[name].method, point, width)}
            yield MemoryCase(name, known[name].method, options, RATIO, SEED, "validation", number)


def _with_learning_rate(method: str, point: Options, width: int) -> Options:
    if LEARNING_RATE not in point:
        return point
    options: Any = catalogue()[method].options
    return {**point, LEARNING_RATE: round(point[LEARNING_RATE] * options.lr_times_width / width, 10)}


def choose_options(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By contender: the winning options, and the numbers that every point was judged by. `results`: of tuning cases."""
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        grouped.setdefault(result["contender"], []).append(result)
    return {name: _best(members) for name, members in grouped.items()}


def _best(members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    points = [_point_summary(member) for member in members]
    measured = [point for point in points if point["error"] is None]
    within = [point for point in measured if point["utility_drop"] <= MAX_UTILITY_DROP]
    if within:
        best = max(within, key=lambda point: (point["forgotten"], point["harmonic_mean"]))
    else:
        best = max(measured, key=lambda point: point["harmonic_mean"], default={"options": {}})
    return {"options": best["options"], "points": points}


def _point_summary(result: Mapping[str, Any]) -> dict[str, Any]:
    records = from_json(result["records"])
    numbers = {name: value(records, "overall", name) for name in ("forgotten", "utility_drop", "harmonic_mean")}
    return {"options": result["options"], **numbers, "error": result["error"]}


def chosen_options(folder: Path, digest: str) -> dict[str, Options]:
    """By contender, the options stored in `folder` for the model of that digest; empty for another model."""
    return {name: entry["options"] for name, entry in _methods(folder, digest).items()}


def write_chosen_options(folder: Path, digest: str, results: Sequence[Mapping[str, Any]]) -> None:
    """Store the options chosen from `results`, and how. Entries of other contenders stay."""
    how = (
        f"{RATIO} % of the people, drawn with seed {SEED} from those whom no result is about; most forgotten at a "
        f"utility drop of at most {MAX_UTILITY_DROP}, else the best harmonic mean"
    )
    document = {"model": digest, "how": how, "methods": {**_methods(folder, digest), **choose_options(results)}}
    ResultStore(folder).write(_NAME, document)


def _methods(folder: Path, digest: str) -> dict[str, Any]:
    document = ResultStore(folder).read(_NAME) or {}
    return dict(document["methods"]) if document.get("model") == digest else {}
