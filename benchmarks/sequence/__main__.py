"""`python -m benchmarks.sequence [--check] [--work DIR] [--seeds 0 1 2] [--ways …]`.

`--work` keeps every job and every step, so that an interrupted run resumes where it stopped.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import fmean, stdev
from typing import Literal

from benchmarks.bars import RESULTS, Bar, publish
from benchmarks.sequence.measure import Recalls
from benchmarks.sequence.people import FORGOTTEN, UNSEEN
from benchmarks.sequence.svg import curves_svg
from benchmarks.sequence.ways import APART, STACKED, SequenceRun, curve

TEXT = """Ten single-person requests one after another on the reference model, with wordings and renderings that no job
saw, {seeds} seeds. *consolidated*: each job trains on the registered model, and after each request the patches so far
are put together (`POST /v1/models/{{id}}/consolidate`), without the subjects' data. *added*: the same patches, added
up. *One on top of another*: each patch is trained on the last one, merged. Kept: share of the unpatched model's recall.
*Unseen*: {unseen} people who are in no data that a job was given; *retain*: those of the registered retain set.

![What is kept and what is still told after each request](sequence.svg)
"""
OURS = "consolidated"
RETAINED = ("unseen_image", "unseen_text", "retain_image", "retain_text", "understanding")
FORGOT = ("forgotten_image", "forgotten_text", "worst")
_MIN_RETAINED, _MAX_RECALL = 0.96, 0.03
Curves = dict[str, list[list[Recalls]]]
"""By way, the curve of each seed."""


def main() -> int:
    """Run, measure, print. Exit status 1 while a bar is missed and `--check` is given."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        curves: Curves = {way: [curve(SequenceRun(way, seed, work)) for seed in options.seeds] for way in options.ways}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sequence.svg").write_text(_picture(curves))
    text = TEXT.format(seeds=len(options.seeds), unseen=len(UNSEEN))
    met = publish("sequence", "Ten requests one after another", _bars(curves), text=text, raw=curves)
    return 0 if met or not options.check else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequence", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 while a bar is missed")
    parser.add_argument("--work", type=Path, help="keep jobs and measurements here and resume from them")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    ways = [OURS, *(way for way in (*APART, *STACKED) if way != OURS)]
    parser.add_argument("--ways", nargs="+", choices=ways, default=ways)
    return parser.parse_args()


def _bars(curves: Curves) -> list[Bar]:
    table = []
    for way, runs in curves.items():
        for count in (len(FORGOTTEN) // 2, len(FORGOTTEN)):
            bounded = way == OURS and count == len(FORGOTTEN)
            title = f"{_title(way)}, after {count}: "
            for name in (*RETAINED, "general"):
                shares = [run[count][name] / run[0][name] for run in runs]
                table.append(_bar(f"{title}{name} kept", shares, _MIN_RETAINED if bounded else None, ">="))
            for name in FORGOT:
                recalls = [run[count][name] for run in runs]
                bound = _MAX_RECALL if bounded and name != "worst" else None
                table.append(_bar(f"{title}{name} recall", recalls, bound, "<="))
    return table


def _bar(name: str, values: list[float], bound: float | None, direction: Literal["<=", ">="]) -> Bar:
    spread = stdev(values) if len(values) > 1 else None
    note = "one seed" if len(values) == 1 else f"{len(values)} seeds"
    return Bar(name, fmean(values), bound, direction, spread, len(values), note)


def _title(way: str) -> str:
    return way if way in APART else f"{way}, one on top of another"


def _picture(curves: Curves) -> str:
    def panel(value: str) -> dict[str, list[float | None]]:
        steps = range(len(FORGOTTEN) + 1)
        return {
            way: [fmean(shares) if (shares := [r[n][value] for r in runs if value in r[n]]) else None for n in steps]
            for way, runs in curves.items()
        }

    return curves_svg(
        {
            "People never seen, pictures": panel("unseen_image"),
            "Understanding of pictures": panel("understanding"),
            "Still told of the forgotten, pictures": panel("forgotten_image"),
        }
    )


if __name__ == "__main__":
    sys.exit(main())
