"""`lethe models check`: what a registered model and its retain set allow."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import typer

from client.cli.context import JsonFlag, connect, out, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from client.models import Certainty, LevelCheck, ModelCheck, SplitCheck

_COLOUR = {"ok": "green", "invalid": "red", "unknown": "yellow"}
_LEGEND = (
    "train, validation, test: rows of the retain set. quick, standard, thorough: probes of a report / over how many "
    "pictures or questions, and what may still leak or be lost where none of them does, with 95 % confidence. "
    "needed: so many pictures or questions show the default thresholds to be met."
)
_PARTS = ("train", "validation", "test")


def check_model(context: typer.Context, model_id: str, json: JsonFlag = False) -> None:
    """Say what a model and its retain set allow: what is missing, how sure reports can be, what a job takes."""
    with connect(context) as client:
        check = client.models.check(model_id)
    if json:
        print_json(check)
    else:
        _show(out(), check)


def _show(console: Console, check: ModelCheck) -> None:
    from rich.text import Text

    findings = _table("", "", "")
    for finding in check.findings:
        status = Text(finding.status, style=_COLOUR.get(finding.status, ""))
        findings.add_row(finding.name.replace("_", " "), status, finding.detail)
    console.print(findings)
    console.print()
    console.print(_splits(check))
    console.print(_LEGEND, style="dim")
    for split in check.splits:
        if split.missing:
            console.print(f"{split.split} has no rows for {', '.join(split.missing)}. {split.purpose}", style="yellow")
    console.print()
    if check.levels:
        _show_levels(console, check.levels)
    needs = [f"{method.name} ({', '.join(method.needs)})" if method.needs else method.name for method in check.methods]
    console.print(f"methods: {', '.join(needs)}")


def _splits(check: ModelCheck) -> Any:
    levels = list(dict.fromkeys(certainty.level for split in check.splits for certainty in split.certainty))
    table = _table("split", *_PARTS, *levels, "needed")
    for split in check.splits:
        by_level = {certainty.level: certainty for certainty in split.certainty}
        cells = [_certainty(by_level[level]) if level in by_level else "" for level in levels]
        table.add_row(split.title, *_rows(split), *cells, _needed(split))
    return table


def _rows(split: SplitCheck) -> list[str]:
    return [_number(split.rows.get(part)) if split.rows else "" for part in _PARTS]


def _certainty(certainty: Certainty) -> str:
    if certainty.clusters is None or certainty.at_most is None:
        return f"up to {certainty.probes}"
    if not certainty.probes:
        return "0"
    over = f"/{certainty.clusters}" if certainty.clusters < certainty.probes else ""
    return f"{certainty.probes}{over} (≤ {_percent(certainty.at_most)} %)"


def _needed(split: SplitCheck) -> str:
    """For all levels, or for each where they differ."""
    numbers = list(dict.fromkeys(each.needed for each in split.certainty if each.needed is not None))
    return "/".join(map(str, numbers)) or "-"


def _percent(share: float) -> str:
    """Rounded up: it is a bound."""
    return f"{ceil(1000 * share) / 10:.1f}"


def _show_levels(console: Console, levels: list[LevelCheck]) -> None:
    table = _table("level", "method", "examples", "steps", "GPU", "and host", "or CPU", "took")
    for level in levels:
        memory = level.memory or {}
        sizes = [_size(memory.get(f"{where}_bytes")) for where in ("gpu", "host", "cpu")]
        seconds = level.estimate.get("seconds")
        took = "-" if seconds is None else f"{seconds:.0f} s"
        table.add_row(level.level, level.method, str(level.training_examples), _number(level.steps), *sizes, took)
    console.print(table)
    for level in levels:
        if level.least_time:
            console.print(f"{level.level}: {level.least_time}", style="dim")


def _size(count: int | None) -> str:
    return "?" if count is None else f"{count / 1e9:.1f} GB"


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False, show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
