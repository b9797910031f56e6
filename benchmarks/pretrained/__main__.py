"""`python -m benchmarks.pretrained [--check] [--work DIR] [--only GROUP ...] [--seeds 0 1 2]`.

Every job goes through the service. `--work` keeps models, jobs and measurements, so that an interrupted run goes on
where it stopped; whole it takes some hours on two cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bars import Bar, publish
from benchmarks.pretrained import table
from benchmarks.pretrained.jobs import run_job
from benchmarks.pretrained.measure import measure
from benchmarks.pretrained.models import oracle, source
from benchmarks.pretrained.runs import Run, all_runs
from benchmarks.pretrained.unknown import ends_not_known
from benchmarks.server import server
from core.unlearning.bench.store import ResultStore
from core.unlearning.reference.stock_model import StockModel

GROUPS = ("vision", "declining", "prepared", "quick", "llm", "unknown")
TEXT = """SmolLM2-135M-Instruct, as published (`llm`) and behind a small vision tower that was taught twenty people in
whole sentences (`smollm2-vision`). Each request goes to a real embedded server. Judged on the downloaded patch, loaded
by stock PEFT, with renderings and wordings that no job sees, by the facts of the world. ± one standard deviation.
Groups in this table: {groups}; seeds: {seeds}."""


def main() -> int:
    """Run, measure, print. Exit status 1 while a bar is missed and `--check` is given."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        work = (options.work or Path(scratch)).resolve()
        (work / "models").mkdir(parents=True, exist_ok=True)
        runs = {name: found for name, found in all_runs(options.seeds).items() if name in options.only}
        unknown = _run_all([run for several in runs.values() for run in several], work, "unknown" in options.only)
        measured = {run.name: _measured(run, work) for several in runs.values() for run in several}
    text = TEXT.format(groups=", ".join(options.only), seeds=", ".join(map(str, options.seeds)))
    bars = _bars(table.groups_with(measured, runs), unknown)
    met = publish(
        "pretrained",
        "Pretrained models, and no retain set",
        bars,
        text=text,
        raw={name: table.shares(job) for name, job in measured.items()},
    )
    return 0 if met or not options.check else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pretrained", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 while a bar is missed")
    parser.add_argument("--work", type=Path, help="keep models, jobs and measurements here and resume from them")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, help="which groups of jobs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    return parser.parse_args()


def _run_all(runs: Sequence[Run], work: Path, unknown: bool) -> dict[str, bool]:
    """Every job that is not there yet; which requests about unknown people ended as they should."""
    models = work / "models"
    with server(work / "data", models=models) as client:
        for run in runs:
            folder = work / run.name
            folder.mkdir(exist_ok=True)
            job = ResultStore(folder).read_or_measure("job", partial(run_job, client, run, models, folder))
            sys.stderr.write(f"{run.name}: {job['seconds']:.0f} s, {job['verdict']}\n")
        if not unknown:
            return {}
        ended: dict[str, bool] = ResultStore(work).read_or_measure(
            "unknown", lambda: ends_not_known(client, models, work / "unknown")
        )
    return ended


def _measured(run: Run, work: Path) -> dict[str, Any]:
    """A job's measurements, and those of the same model without the patch and of the oracle."""
    folder, shared = source(run, work / "models"), ResultStore(work)
    asked = f"{'-'.join(name.split()[-1].lower() for name in run.subjects)}-seed{run.seed}"
    found = {
        **ResultStore(work / run.name).read("job"),
        "before": shared.read_or_measure(f"before-{folder.name}-{asked}", partial(_unpatched, folder, run)),
        "after": ResultStore(work / run.name).read_or_measure("after", lambda: _patched(run, folder, work)),
    }
    never_met = oracle(work / "models") if run.world == "smollm2-vision" else None
    if never_met is not None:
        found["oracle"] = shared.read_or_measure(f"oracle-{asked}", partial(_unpatched, never_met, run))
    sys.stderr.write(f"{run.name}: measured\n")
    return found


def _unpatched(folder: Path, run: Run) -> dict[str, Any]:
    return measure(StockModel(folder), run)


def _patched(run: Run, folder: Path, work: Path) -> dict[str, Any]:
    model = StockModel(folder)
    model.patch(work / run.name / "patch" / "adapter")
    return measure(model, run)


def _bars(jobs: dict[str, list[table.Measured]], unknown: dict[str, bool]) -> list[Bar]:
    bars: list[Bar] = []
    if jobs.get("vision"):
        bars += table.vision_bars(jobs["vision"], "no retain set: ")
        bars.append(table.time_bar("job at level `standard`: seconds", jobs["vision"], 900))
    if jobs.get("declining"):
        bars += table.vision_bars(jobs["declining"], "declining variant, no retain set: ")
    if jobs.get("prepared"):
        bars += table.vision_bars(jobs["prepared"], "retain set by `models prepare`: ", leak=0.02, loss=0.02)
    if jobs.get("quick"):
        bars.append(table.time_bar("job at level `quick`: seconds", jobs["quick"], 300))
    if jobs.get("llm"):
        bars += table.llm_bars(jobs["llm"])
    return [*bars, *([table.not_known_bar(unknown)] if unknown else [])]


if __name__ == "__main__":
    sys.exit(main())
