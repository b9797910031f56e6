"""The leaderboard as Markdown and as a page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined, Template

from core.unlearning.memory_bench.grid import FLOOR
from core.unlearning.memory_bench.plots import Bar, Spot, bars, scatter
from core.unlearning.memory_bench.records import OVERALL
from core.unlearning.memory_bench.scores import TOP
from core.unlearning.memory_bench.summary import Number, Row

COLUMNS: tuple[tuple[str, str], ...] = (
    ("forgotten", "forgotten ↑"),
    ("utility_drop", "utility drop ↓"),
    ("harmonic_mean", "harmonic mean ↑"),
    ("unseen_kept", "unseen people kept ↑"),
    ("understanding_kept", "understanding kept ↑"),
    ("not_over_refusing", "not over-refusing ↑"),
    ("answer_probability", "p(answer) ↓"),
    ("image_understanding", "image understanding ↑"),
    ("memory", "memory ↑"),
    ("meaningful", "meaningful ↑"),
)
"""Of the split `overall`; the last three are S-MLLMUn's composites, from 0 to 10."""
_TENTHS = frozenset({"image_understanding", "memory", "meaningful"})
_PICTURED = ("forgotten", "harmonic_mean", "unseen_kept", "understanding_kept", "not_over_refusing", "memory")
NOTE = f"""Ranked by what is forgotten, of those whose utility drop is at most {FLOOR}; below them the others, by the
harmonic mean. Means over seeds, ± one standard deviation. What each number is: docs/bench.md."""


def markdown(rows: Sequence[Row], beside: Sequence[Row], title: str) -> str:
    """One table for each ratio. `beside`: what the methods are compared with, without a rank."""
    parts = [f"# {title}\n\n{NOTE}\n"]
    for ratio, members in groupby(rows, key=lambda row: row.ratio):
        head = ["#", "method", *(name for _, name in COLUMNS), "seconds", "seeds"]
        lines = [_line(row, str(number)) for number, row in enumerate(members, start=1)]
        lines += [_line(row, "") for row in beside if row.ratio == ratio]
        table = [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines]
        parts.append(f"## {ratio} % forgotten\n\n" + "\n".join(table) + "\n")
    return "\n".join(parts)


def _line(row: Row, rank: str) -> str:
    return f"| {' | '.join([rank, *cells(row)])} |"


def cells(row: Row) -> list[str]:
    """What a table says of a row, but for its rank."""
    numbers = [_shown(row.numbers.get((OVERALL, metric))) for metric, _ in COLUMNS]
    seconds = "–" if row.seconds is None else f"{row.seconds:.0f}"
    failed = f" ({row.failed} failed)" if row.failed else ""
    return [row.title, *numbers, seconds, f"{row.seeds}{failed}"]


def _shown(number: Number | None) -> str:
    if number is None:
        return "–"
    return f"{number.mean:.3f}" + ("" if number.spread is None else f" ± {number.spread:.3f}")


def page(rows: Sequence[Row], beside: Sequence[Row], title: str, manifest: Mapping[str, Any]) -> str:
    """The page. Everything from results is escaped."""
    ratios = [
        _ratio(ratio, list(members), [row for row in beside if row.ratio == ratio])
        for ratio, members in groupby(rows, key=lambda row: row.ratio)
    ]
    names = [name for _, name in COLUMNS]
    return _template().render(title=title, note=NOTE, ratios=ratios, columns=names, manifest=manifest)


def _ratio(ratio: int, members: Sequence[Row], beside: Sequence[Row]) -> dict[str, Any]:
    spots = [
        Spot(str(number), row.mean("utility_drop") or 0.0, row.mean("forgotten") or 0.0, row.within)
        for number, row in enumerate(members, start=1)
        if row.mean("forgotten") is not None
    ]
    ranked = [(str(number), row) for number, row in enumerate(members, start=1)]
    return {
        "ratio": ratio,
        "rows": [(rank, row.within, cells(row)) for rank, row in (*ranked, *(("", row) for row in beside))],
        "scatter": scatter(spots, FLOOR, "Forgotten against utility drop"),
        "pictures": [
            (_title(metric), bars([_bar(row, metric) for row in members], _title(metric))) for metric in _PICTURED
        ],
    }


def _bar(row: Row, metric: str) -> Bar:
    number, top = row.numbers.get((OVERALL, metric)), TOP if metric in _TENTHS else 1.0
    return Bar(row.title, number.mean, number.spread, top) if number else Bar(row.title, None, top=top)


def _title(metric: str) -> str:
    return next(name for key, name in COLUMNS if key == metric)


@cache
def _template() -> Template:
    own, report = PackageLoader("core.unlearning.memory_bench"), PackageLoader("core.unlearning.evaluation")
    environment = Environment(
        loader=PrefixLoader({"bench": own, "report": report}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("bench/leaderboard.html.j2")
