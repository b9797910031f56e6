"""An evaluation as a table: what was forgotten, what was kept, and what missed its threshold."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from core.unlearning.evaluation.measures import Measures
    from core.unlearning.families.info import FamilyInfo


def show_evaluation(console: Console, evaluation: Mapping[str, Any]) -> None:
    """One line for each split, before → after; then the checks that matter most, and the notes."""
    from rich.table import Table

    splits: Mapping[Any, Any] = evaluation.get("splits") or {}
    family = _family_of(splits)
    measures, known = family.measures, family.presentation.columns
    columns = [(title, metric) for metric, title in known.items() if _measured(splits, metric)]
    referenced = [(title, metric) for title, metric in columns if metric == measures.recall]
    referenced = [column for column in referenced if _measured(splits, column[1], "reference")]
    missed = list(evaluation.get("missed") or ())
    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False)
    table.add_column("before → after")
    table.add_column("asked", justify="right")
    for title, _ in columns:
        table.add_column(title, justify="right")
    for title, _ in referenced:
        table.add_column(f"{title}, never learned", justify="right")
    for name, split in splits.items():
        cells = [_change(split["metrics"].get(metric), f"{name}.{metric}", missed) for _, metric in columns]
        reference = [_number((split["metrics"].get(metric) or {}).get("reference")) for _, metric in referenced]
        table.add_row(measures.title(name), str(split["count"]), *cells, *reference)
    console.print(table)
    _show_checks(console, evaluation, measures)
    for note in evaluation.get("notes") or ():
        console.print(note, style="dim")


def _show_checks(console: Console, evaluation: Mapping[str, Any], measures: Measures) -> None:
    """Why each missed threshold was missed, and how sure it is that the subject is forgotten."""
    missed, thresholds = evaluation.get("missed") or (), evaluation.get("thresholds", {})
    checks = {check["key"]: check for check in evaluation.get("checks") or ()}
    for key in missed:
        why = f": {checks[key]['reason']}" if key in checks else f" (threshold {thresholds.get(key, '?')})"
        console.print(f"missed {key}{why}", style="red", highlight=False)
    for split in measures.judged:
        shown = (check["evidence"] for key, check in checks.items() if key.startswith(split) and "evidence" in check)
        for evidence in islice(shown, 1):
            console.print(f"{measures.title(split)}: {evidence}.", highlight=False)


def _measured(splits: Mapping[str, Any], metric: str, when: str = "after") -> bool:
    return any((split["metrics"].get(metric) or {}).get(when) is not None for split in splits.values())


def _change(values: Mapping[str, Any] | None, key: str, missed: list[str]) -> Text:
    from rich.text import Text

    if values is None or values.get("after") is None:
        return Text("-")
    then = [] if values.get("before") is None else [_number(values["before"])]
    text = " → ".join([*then, _number(values["after"])])
    bad = any(item in {key, f"{key}.drop", f"{key}.rise", f"{key}.gap", f"{key}.upper"} for item in missed)
    return Text(text, style="red" if bad else "")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _family_of(splits: Mapping[str, Any]) -> FamilyInfo:
    """The family whose splits these are; the first of those that have as many of them."""
    from core.unlearning.families.registry import families

    return max(families().values(), key=lambda family: len(splits.keys() & family.measures.splits.keys()))
