"""The leaderboard as Markdown, and as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined, Template

from core.unlearning.bench.memory.measure import FORGET
from core.unlearning.bench.memory.plots import ChartBar, ChartPoint, bars, scatter
from core.unlearning.bench.memory.records import OVERALL
from core.unlearning.bench.memory.rule_scores import TOP
from core.unlearning.bench.memory.summary import LeaderboardRow, MeanAndSpread
from core.unlearning.bench.memory.tuning import MAX_UTILITY_DROP

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
"""(metric, title) of the split `overall`; the last three are S-MLLMUn's composites, from 0 to 10."""
ROBUSTNESS_COLUMNS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("worst_attack", (OVERALL,), "worst attack ↓"),
    ("any_attack", (OVERALL,), "any attack ↓"),
    ("refusal_barred", FORGET, "refusal barred ↓"),
    ("first_word_given", FORGET, "first word given ↓"),
    ("exact_int8", FORGET, "INT8 ↓"),
    ("exact_int4", FORGET, "INT4 ↓"),
    ("relearned_5", (OVERALL,), "relearned from 5 % ↓"),
    ("relearned_30", (OVERALL,), "from 30 % ↓"),
    ("relearned_30_above_oracle", (OVERALL,), "above the oracle's ↓"),
    ("relearned_unrelated", (OVERALL,), "from unrelated facts ↓"),
    ("probe", FORGET, "linear probe ↓"),
    ("membership_auc", FORGET, "membership AUC"),
)
"""(metric, splits to average over, title), shown for rows that were attacked (level `robust`)."""
_OUT_OF_TEN = frozenset({"image_understanding", "memory", "meaningful"})
_BAR_CHARTS = ("forgotten", "harmonic_mean", "unseen_kept", "understanding_kept", "not_over_refusing", "memory")
NOTE = (
    f"Ranked by what is forgotten, of those whose utility drop is at most {MAX_UTILITY_DROP}; below them the others, "
    "by the\nharmonic mean. Means over seeds, ± one standard deviation. What each number is: docs/how-to/bench.md."
)


def markdown(rows: Sequence[LeaderboardRow], unranked: Sequence[LeaderboardRow], title: str) -> str:
    """One table for each ratio. `unranked`: models without a patch, to compare with."""
    parts = [f"# {title}\n\n{NOTE}\n"]
    for ratio, members in groupby(rows, key=lambda row: row.ratio):
        head = ["#", "method", *(name for _, name in COLUMNS), "seconds", "seeds"]
        ranked = [(str(number), row) for number, row in enumerate(members, start=1)]
        others = [("", row) for row in unranked if row.ratio == ratio]
        lines = [_line(rank, cells(row)) for rank, row in (*ranked, *others)]
        parts.append(f"## {ratio} % forgotten\n\n" + _table(head, lines))
        if attacked := robustness_rows(ranked):
            head = ["#", "method", *(name for *_, name in ROBUSTNESS_COLUMNS)]
            parts.append(_table(head, [_line(*row) for row in attacked]))
    return "\n".join(parts)


def _line(first: str, others: Sequence[str]) -> str:
    return f"| {' | '.join([first, *others])} |"


def _table(head: Sequence[str], lines: Sequence[str]) -> str:
    return "\n".join([_line(head[0], head[1:]), "|---" * len(head) + "|", *lines]) + "\n"


def robustness_rows(ranked: Sequence[tuple[str, LeaderboardRow]]) -> list[tuple[str, list[str]]]:
    """Rank and cells of the rows that were attacked."""
    measured = [
        (rank, row, [row.mean_over(metric, splits) for metric, splits, _ in ROBUSTNESS_COLUMNS]) for rank, row in ranked
    ]
    return [
        (rank, [row.title, *("–" if number is None else f"{number:.3f}" for number in numbers)])
        for rank, row, numbers in measured
        if numbers[0] is not None
    ]


def cells(row: LeaderboardRow) -> list[str]:
    """The cells of a row after its rank."""
    numbers = [_format(row.numbers.get((OVERALL, metric))) for metric, _ in COLUMNS]
    seconds = "–" if row.seconds is None else f"{row.seconds:.0f}"
    failed = f" ({row.failed} failed)" if row.failed else ""
    return [row.title, *numbers, seconds, f"{row.seeds}{failed}"]


def _format(number: MeanAndSpread | None) -> str:
    if number is None:
        return "–"
    return f"{number.mean:.3f}" + ("" if number.spread is None else f" ± {number.spread:.3f}")


def page(
    rows: Sequence[LeaderboardRow], unranked: Sequence[LeaderboardRow], title: str, manifest: Mapping[str, Any]
) -> str:
    """The HTML page; everything that comes from results is escaped."""
    ratios = [
        _ratio(ratio, list(members), [row for row in unranked if row.ratio == ratio])
        for ratio, members in groupby(rows, key=lambda row: row.ratio)
    ]
    names = [name for _, name in COLUMNS]
    checks = [name for *_, name in ROBUSTNESS_COLUMNS]
    return _template().render(title=title, note=NOTE, ratios=ratios, columns=names, checks=checks, manifest=manifest)


def _ratio(ratio: int, members: Sequence[LeaderboardRow], unranked: Sequence[LeaderboardRow]) -> dict[str, Any]:
    points = [
        ChartPoint(str(number), row.mean("utility_drop") or 0.0, row.mean("forgotten") or 0.0, row.is_useful)
        for number, row in enumerate(members, start=1)
        if row.mean("forgotten") is not None
    ]
    ranked = [(str(number), row) for number, row in enumerate(members, start=1)]
    return {
        "ratio": ratio,
        "rows": [(rank, row.is_useful, cells(row)) for rank, row in (*ranked, *(("", row) for row in unranked))],
        "robustness": robustness_rows(ranked),
        "scatter": scatter(points, MAX_UTILITY_DROP, "Forgotten against utility drop"),
        "charts": [
            (_title(metric), bars([_bar(row, metric) for row in members], _title(metric))) for metric in _BAR_CHARTS
        ],
    }


def _bar(row: LeaderboardRow, metric: str) -> ChartBar:
    number, top = row.numbers.get((OVERALL, metric)), TOP if metric in _OUT_OF_TEN else 1.0
    return ChartBar(row.title, number.mean, number.spread, top) if number else ChartBar(row.title, None, top=top)


def _title(metric: str) -> str:
    return next(name for key, name in COLUMNS if key == metric)


@cache
def _template() -> Template:
    own, report = PackageLoader("core.unlearning.bench.memory"), PackageLoader("core.unlearning.evaluation")
    environment = Environment(
        loader=PrefixLoader({"bench": own, "report": report}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("bench/leaderboard.html.j2")
