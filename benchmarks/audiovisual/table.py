"""From measurements to bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean, stdev
from typing import Any, Literal

from benchmarks.audiovisual.runs import BASELINES, CCU_VARIANTS
from benchmarks.bars import Bar

Seed = dict[str, Any]
"""The numbers of one seed: scenario to {"base", "reference", "runs": {name: ...}}."""
Value = Callable[[dict[str, Any]], float]
"""A number of one scenario and seed."""

FORGET_GAP, AUC_GAP = 0.04, 0.03


def bars(seeds: Sequence[Seed]) -> list[Bar]:
    """Means over the seeds with their spread. Gaps are between means, since references differ by seed."""
    subjects, classes = [seed["subjects"] for seed in seeds], [seed["class"] for seed in seeds]
    return [*_subject_bars(subjects), *_class_bars(classes), *_claims(subjects, classes), *_tables(subjects, classes)]


def _subject_bars(found: Sequence[dict[str, Any]]) -> Iterator[Bar]:
    def gap(metric: str) -> Value:
        return lambda one: _ccu(one)[metric] - one["reference"][metric]

    yield _gap(
        "subjects: visual forget accuracy, gap to the reference", found, gap("forget_examples visual"), FORGET_GAP
    )
    yield _gap("subjects: membership AUC, gap to the reference", found, gap("auc"), AUC_GAP)
    for split in ("forget_examples", "forget_held_out"):
        yield _gap(f"subjects: audio accuracy, change ({split})", found, _change(f"{split} audio"), 0.005)
    name = "subjects: fused test accuracy, less the reference's"
    yield _bar(name, found, gap("held_out fused"), -0.015, ">=")
    yield _bar("subjects: fused test accuracy, less the original's", found, _change("held_out fused"))
    yield _bar("subjects: sample passes, share of retraining", found, _trained_share, 0.02)
    yield _bar("subjects: the same with what the stop rule looks at", found, _share)
    yield _gap("subjects: worst-case membership AUC, gap to the reference", found, gap("worst auc"))
    yield _gap("subjects: true positives at 1 % false ones, gap to the reference", found, gap("tpr"))
    yield _bar("subjects: steps until relearned, CCU", found, lambda one: _ccu(one)["relearn"])
    yield _bar("subjects: steps until relearned, reference", found, lambda one: one["reference"]["relearn"])


def _class_bars(found: Sequence[dict[str, Any]]) -> Iterator[Bar]:
    yield _bar("class: visual forget accuracy", found, lambda one: _ccu(one)["forget_examples visual"], 0.02)
    yield _bar("class: visual accuracy, held out", found, lambda one: _ccu(one)["forget_held_out visual"])
    for split in ("forget_examples", "forget_held_out"):
        yield _bar(f"class: audio accuracy on it, change ({split})", found, _change(f"{split} audio"), -0.01, ">=")
    yield _bar("class: fused test accuracy on the rest, change", found, _change("held_out fused"), -0.01, ">=")
    yield _bar("class: sample passes, share of retraining", found, _trained_share)
    yield _bar("class: the same with what the stop rule looks at", found, _share)
    yield _gap(
        "class: membership AUC, gap to the reference", found, lambda one: _ccu(one)["auc"] - one["reference"]["auc"]
    )


def _claims(subjects: Sequence[dict[str, Any]], classes: Sequence[dict[str, Any]]) -> Iterator[Bar]:
    """The paper's own claim: more accurate than the best-accuracy baseline at 7 % of its time."""
    for where, found in (("subjects", subjects), ("class", classes)):
        for which, names in (("", list(BASELINES)), (" that forgets", _forgetting(where, found))):
            if not names:
                continue
            best = max(names, key=lambda name: fmean(one["runs"][name]["held_out fused"] for one in found))
            note = f"best: {best}; the paper's claim"
            more = _bar(
                f"{where}: fused test accuracy, above the best baseline{which}",
                found,
                _difference(best, "held_out fused"),
                note=note,
            )
            yield more
            yield _bar(
                f"{where}: time, share of that baseline's{which}",
                found,
                _time_share(best),
                note=f"{note}: 0.07",
            )


def _forgetting(where: str, found: Sequence[dict[str, Any]]) -> list[str]:
    """Baselines that meet CCU's bar for forgetting: close to the reference, or to zero accuracy for a class."""

    def gap(name: str) -> float:
        gaps = [
            one["runs"][name]["forget_examples visual"] - one["reference"]["forget_examples visual"] for one in found
        ]
        return abs(fmean(gaps))

    return [name for name in BASELINES if gap(name) <= (FORGET_GAP if where == "subjects" else 0.02)]


_COLUMNS = {
    "fused test": "held_out fused",
    "visual test": "held_out visual",
    "visual, forgotten": "forget_examples visual",
    "visual, same group held out": "forget_held_out visual",
    "audio, forgotten": "forget_examples audio",
    "membership AUC": "auc",
    "JS to the reference": "visual js",
    "CPU seconds": "seconds",
}


def _tables(subjects: Sequence[dict[str, Any]], classes: Sequence[dict[str, Any]]) -> Iterator[Bar]:
    """Every run, with the original and the reference."""
    for where, found in (("subjects", subjects), ("class", classes)):
        for name in ("base", "reference", *CCU_VARIANTS, *BASELINES):
            for column, metric in _COLUMNS.items():
                values = [one["runs"].get(name, one.get(name, {})).get(metric) for one in found]
                if None not in values:
                    yield _of_values(f"{where}: {name}: {column}", values)


def _ccu(one: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = one["runs"]["ccu"]
    return found


def _change(metric: str) -> Value:
    return lambda one: _ccu(one)[metric] - one["base"][metric]


def _difference(baseline: str, metric: str) -> Value:
    return lambda one: _ccu(one)[metric] - one["runs"][baseline][metric]


def _time_share(baseline: str) -> Value:
    return lambda one: _ccu(one)["seconds"] / one["runs"][baseline]["seconds"]


def _share(one: dict[str, Any]) -> float:
    return float(_ccu(one)["details"]["share_of_retraining"])


def _trained_share(one: dict[str, Any]) -> float:
    details = _ccu(one)["details"]
    whole = details["sample_passes"] + details["forward_passes"] / 3
    return float(details["share_of_retraining"] * details["sample_passes"] / whole)


def _gap(name: str, found: Sequence[dict[str, Any]], value: Value, bound: float | None = None) -> Bar:
    """The absolute value of the mean; the note says how far off single seeds are."""
    values = [value(one) for one in found]
    note = f"mean of {fmean(values):+.3f}; single seeds are {fmean(map(abs, values)):.3f} off"
    spread = stdev(values) if len(values) > 1 else None
    return Bar(name, abs(fmean(values)), bound, "<=", spread, len(values), note)


def _bar(
    name: str,
    found: Sequence[dict[str, Any]],
    value: Value,
    bound: float | None = None,
    direction: Literal["<=", ">="] = "<=",
    note: str = "",
) -> Bar:
    return _of_values(name, [value(one) for one in found], bound, direction, note)


def _of_values(
    name: str,
    values: Sequence[float],
    bound: float | None = None,
    direction: Literal["<=", ">="] = "<=",
    note: str = "",
) -> Bar:
    return Bar(name, fmean(values), bound, direction, stdev(values) if len(values) > 1 else None, len(values), note)
