"""From results of level `robust` to bars: of the default preset, and of mode `erasure` compared with the oracle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean, stdev

from benchmarks.bars import Bar
from core.unlearning.bench.memory.measure import FORGET
from core.unlearning.bench.memory.records import OVERALL, Record, from_json, value
from core.unlearning.bench.store import Result

SUPPRESSION, ERASURE = "smfa", "smfa-erasure"
_TITLES = {SUPPRESSION: "default preset", ERASURE: "mode erasure"}
_MAX_ATTACKED, _MAX_QUANTISED, _MAX_AUC_GAP, _MAX_UNSEEN_DROP, _MAX_RELEARNED = 0.05, 0.03, 0.15, 0.03, 0.10
_VIEWS = dict(zip(FORGET, ("pictures", "names"), strict=True))
_LOSS = "membership_loss_auc"
_REPORTED = ("any_attack", "refusal_barred", "first_word_given", "probe")


def robustness_bars(ratio: int, results: Sequence[Result]) -> list[Bar]:
    """Bars of both modes, where they were attacked at that ratio."""
    table: list[Bar] = []
    for name in (SUPPRESSION, ERASURE):
        cases = [r for r in results if (r["contender"], r["ratio"]) == (name, ratio) and r["robust"]]
        if cases:
            records = [from_json([*case["records"], *case["robust"]]) for case in cases]
            table += _mode_bars(f"{ratio} %: {_TITLES[name]}, ", records, erasing=name == ERASURE)
    return table


def _mode_bars(title: str, cases: Sequence[Sequence[Record]], *, erasing: bool) -> Iterator[Bar]:
    yield from _bar(
        title + "worst of the attacks, recall", [value(c, OVERALL, "worst_attack") for c in cases], _MAX_ATTACKED
    )
    for split, view in _VIEWS.items():
        yield from _bar(f"{title}INT4, {view}, recall", [value(c, split, "exact_int4") for c in cases], _MAX_QUANTISED)
    for split, view in _VIEWS.items():
        gaps = [_gap(case, split) for case in cases]
        yield from _bar(f"{title}membership AUC, {view}, gap to the oracle", gaps, _MAX_AUC_GAP if erasing else None)
    relearned = [value(c, OVERALL, "relearned_30_above_oracle") for c in cases]
    name = f"{title}relearned from 30 %, above the oracle"
    yield from _bar(name, relearned, _MAX_RELEARNED if erasing else None)
    for metric in _REPORTED:
        for split, view in _VIEWS.items():
            yield from _bar(f"{title}{metric.replace('_', ' ')}, {view}", [value(c, split, metric) for c in cases])
    if erasing:
        drops = [1 - share for c in cases if (share := value(c, OVERALL, "unseen_kept")) is not None]
        yield from _bar(title + "drop of people never seen", drops, _MAX_UNSEEN_DROP)


def _gap(case: Sequence[Record], split: str) -> float | None:
    """Absolute: an AUC below the oracle's reveals membership as well."""
    own, oracle = value(case, split, _LOSS), value(case, split, f"oracle_{_LOSS}")
    return None if own is None or oracle is None else abs(own - oracle)


def _bar(name: str, values: Sequence[float | None], bound: float | None = None) -> Iterator[Bar]:
    """The mean over the cases that have the number; no bar where none has."""
    known = [number for number in values if number is not None]
    if known:
        spread = stdev(known) if len(known) > 1 else None
        yield Bar(name, fmean(known), bound, "<=", spread, len(known), f"seeds: {len(known)}")
