"""How options are chosen: a few points for each method, tried on people whom no result is about.

Every baseline gets as many points as any other. `smfa` and the control `retain-only` get none: they run with their
defaults, which were made before and not with these people.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

from core.unlearning.bench.memory.cases import Case, contenders
from core.unlearning.bench.memory.records import from_json, value
from core.unlearning.methods.registry import catalogue

CHOSEN = Path(str(import_module(__package__ or "").__file__)).parent / "data" / "chosen.json"
"""What was chosen for the bundled reference model."""
RATIO, SEED = 5, 0
FLOOR = 0.02
"""The utility drop that may be: the most forgetting within it wins, and where no point is within it the best mean."""
RATE = "lr"
"""Given in the grid as a multiple of the method's own default, which depends on the model's width."""

Options = Mapping[str, Any]


def _points(**several: Sequence[Any]) -> list[Options]:
    return [dict(zip(several, values, strict=True)) for values in product(*several.values())]


_RETAINING = _points(lr=(1.0, 0.3), retain_weight=(1.0, 4.0))
GRID: Mapping[str, Sequence[Options]] = {
    "gradient-ascent": _points(lr=(2.0, 1.0, 0.5, 0.25)),
    "gradient-difference": _RETAINING,
    "kl-minimisation": _RETAINING,
    "npo": _RETAINING,
    "simnpo": _RETAINING,
    "dpo": _RETAINING,
    "idk": _RETAINING,
    "undial": _points(lr=(1.0, 0.3), retain_weight=(0.0, 4.0)),
    "rmu": _points(lr=(1.0, 0.3), steering=(2.0, 6.0)),
    "task-arithmetic": _points(lr=(1.0, 0.3), utility_floor=(0.95, 0.98)),
    "mmunlearner": _points(lr=(1.0, 4.0), threshold=(1.0, 4.0), keep_text=(False,)),
    "manu": _points(share=(0.01, 0.02, 0.05, 0.1)),
}


def tuning_cases(names: Sequence[str], width: int) -> Iterator[Case]:
    """Every point of the contenders that have a grid. `width`: the language model's hidden size."""
    known = contenders()
    for name in names:
        for number, point in enumerate(GRID.get(name, ())):
            options = {**known[name].options, **_resolved(known[name].method, point, width)}
            yield Case(name, known[name].method, options, RATIO, SEED, "validation", number)


def _resolved(method: str, point: Options, width: int) -> Options:
    if RATE not in point:
        return point
    own: Any = catalogue()[method].options
    return {**point, RATE: round(point[RATE] * own.lr_times_width / width, 10)}


def choose(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By contender: the options that win and, for every point, what it was judged by. `results` of tuning cases."""
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        grouped.setdefault(result["contender"], []).append(result)
    return {name: _best(members) for name, members in grouped.items()}


def _best(members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    points = [_judged(member) for member in members]
    measured = [point for point in points if point["error"] is None]
    inside = [point for point in measured if point["utility_drop"] <= FLOOR]
    if inside:
        best = max(inside, key=lambda point: (point["forgotten"], point["harmonic_mean"]))
    else:
        best = max(measured, key=lambda point: point["harmonic_mean"], default={"options": {}})
    return {"options": best["options"], "points": points}


def _judged(result: Mapping[str, Any]) -> dict[str, Any]:
    records = from_json(result["records"])
    shown = {name: value(records, "overall", name) for name in ("forgotten", "utility_drop", "harmonic_mean")}
    return {"options": result["options"], **shown, "error": result["error"]}


def options_chosen(path: Path, digest: str) -> dict[str, Options]:
    """By contender, what `path` holds for the model of that digest; nothing where it holds another's."""
    return {name: entry["options"] for name, entry in _methods(path, digest).items()}


def write_chosen(path: Path, digest: str, results: Sequence[Mapping[str, Any]]) -> None:
    """With how they were chosen. What `path` holds of other contenders stays."""
    how = (
        f"{RATIO} % of the people, drawn with seed {SEED} from those whom no result is about; most forgotten at a "
        f"utility drop of at most {FLOOR}, else the best harmonic mean"
    )
    document = {"model": digest, "how": how, "methods": {**_methods(path, digest), **choose(results)}}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _methods(path: Path, digest: str) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return dict(found["methods"]) if found.get("model") == digest else {}
