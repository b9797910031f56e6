"""`python -m benchmarks.smfa [--check] [--work DIR] [--seeds 0 1 2]`.

Every job goes through the service. `--work` keeps results, so that an interrupted run resumes where it stopped.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.bars import Bar, publish
from benchmarks.server import server
from benchmarks.smfa.jobs import FinishedJob, Run, run_job
from benchmarks.smfa.measure import World, measure
from benchmarks.smfa.table import bars, erasure_rules
from core.unlearning import reference
from core.unlearning.reference.mllm.people import STANDARD_REQUESTS

TEXT = """Standard requests (one, two and four people) on the reference model, each sent to a real embedded server
with names, pictures and prompts and no retain data of its own. Measured on the downloaded patch, loaded by stock PEFT,
with renderings and wordings that no job sees. Means over {n} jobs ({seeds} seeds), ± one standard deviation."""


def main() -> int:
    """Run, measure, print. Exit status 1 while a bar is missed and `--check` is given."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        standard, quick, paper = _runs(options.seeds)
        paper = paper[: options.paper]
        erasure = [replace(run, mode="erasure") for run in standard[: options.erasure]]
        finished = _jobs([*quick, *standard, *erasure, *paper], work)
        served = _serving(work)
        numbers = _measured([finished[run.name] for run in (*standard, *erasure, *paper)], work)
    groups = [[numbers[run.name] for run in group] for group in (standard, erasure, paper)]
    fast = [finished[run.name].seconds for run in quick]
    table = [*bars(groups[0]), Bar("job at level `quick`: seconds", max(fast), 30, note="largest of 3 jobs"), *served]
    table += bars(groups[1], "mode `erasure`: ", rules=erasure_rules()) if groups[1] else []
    table += bars(groups[2], "`paper` preset: ", bounded=False) if groups[2] else []
    text = TEXT.format(n=len(standard), seeds=len(options.seeds))
    met = publish("smfa", "SMFA on the reference model", table, text=text, raw=numbers)
    return 0 if met or not options.check else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.smfa", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 while a bar is missed")
    parser.add_argument("--work", type=Path, help="keep jobs and measurements here and resume from them")
    parser.add_argument("--paper", type=int, default=3, help="requests sent with the `paper` preset (minutes each)")
    parser.add_argument("--erasure", type=int, default=0, help="requests sent with mode `erasure` (a minute each)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    return parser.parse_args()


def _runs(seeds: Iterable[int]) -> tuple[list[Run], list[Run], list[Run]]:
    requests = range(len(STANDARD_REQUESTS))
    standard = [Run(request, seed) for seed in seeds for request in requests]
    quick = [Run(request, 0, level="quick") for request in requests]
    return standard, quick, [Run(request, seed, preset="paper") for seed in [*seeds][:1] for request in requests]


def _jobs(runs: list[Run], work: Path) -> dict[str, FinishedJob]:
    finished = {}
    with server(work / "data") as client:
        for run in runs:
            finished[run.name] = job = run_job(client, run, work)
            sys.stderr.write(f"{run.name}: {job.seconds:.1f} s, {job.verdict}\n")
    return finished


def _measured(finished: list[FinishedJob], work: Path) -> dict[str, Any]:
    world = World(reference.bundled_path("mllm"), tuple(reference.oracle_paths("mllm")))
    numbers = {}
    for job in finished:
        numbers[job.run.name] = measure(world, job, work)
        sys.stderr.write(f"{job.run.name}: measured\n")
    return numbers


def _serving(work: Path) -> list[Bar]:
    """How long the API's import takes, whether it imports torch, and how fast it reads a job."""
    code = "import sys, api.app; sys.exit('torch' in sys.modules)"
    started = time.perf_counter()
    torch_free = subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    imported = time.perf_counter() - started
    with server(work / "data", worker=False) as client:
        job = next(client.jobs.list())
        times = sorted(_timed(lambda: client.jobs.get(job.id)) for _ in range(200))
    return [
        Bar("API import brings torch", float(not torch_free), 0),
        Bar("API import: seconds", imported, 2),
        Bar("GET /v1/jobs/{id}, median: milliseconds", 1000 * times[100]),
    ]


def _timed(call: Any) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
