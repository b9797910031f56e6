"""`python -m benchmarks.mllm [--check] [--work DIR [--report]] [--methods M ...] [--ratios 5 10 15] [--seeds 0 1 2]`.

The reference model, its people, and options that were tuned for every method on other people
(`core/unlearning/bench/memory/data/chosen.json`). `--work` keeps results, so that an interrupted run resumes where it
stopped; `--report` runs nothing and publishes the results that are there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.bars import RESULTS, publish
from benchmarks.mllm.table import bars, count_seeds
from benchmarks.progress import case_progress
from core.unlearning.bench.memory.bench import TITLE, MemoryBench, build_oracle
from core.unlearning.bench.memory.cases import RATIOS, contenders
from core.unlearning.bench.memory.output import MARKDOWN, PAGE, write_outputs
from core.unlearning.bench.memory.results import stored_results
from core.unlearning.bench.memory.setup import MemorySetup, bundled_model
from core.unlearning.bench.memory.summary import LeaderboardRow
from core.unlearning.bench.store import Result
from core.unlearning.patches.digest import base_digest

TEXT = """`lethe bench mllm` on the reference world: 5, 10 and 15 % of its people (two, four, six), drawn by each seed
from people whom no standard request and no retain set holds, and measured with renderings and wordings that no job
sees, on the patch loaded by stock PEFT. Every baseline runs with the best of four settings, chosen on other people;
`smfa` with its default preset. What each number is: docs/how-to/bench.md. The whole table:
[mllm-leaderboard.md](mllm-leaderboard.md). Model: {digest}.

Cases that were run, by per cent: {counted}. A whole run has three seeds of each."""


def main() -> int:
    """Run, measure, print. Exit status 1 while a bar is missed and `--check` is given."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        bench = _bench(options, options.work or Path(scratch))
        results, rows = _stored(bench) if options.report else _run(bench)
        for name in (MARKDOWN, PAGE):
            shutil.copy(bench.setup.work / name, RESULTS / f"mllm-{name}")
    text = TEXT.format(count_seeds=count_seeds(rows), digest=base_digest(bench.setup.model))
    met = publish("mllm", "Methods on the reference model", bars(rows, results), text=text, raw=_raw(results))
    return 0 if met or not options.check else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mllm", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 while a bar is missed")
    parser.add_argument("--work", type=Path, help="keep results here and resume from them")
    parser.add_argument("--report", action="store_true", help="run nothing: publish what --work holds")
    parser.add_argument("--methods", nargs="+", default=list(contenders()), choices=list(contenders()))
    parser.add_argument("--ratios", type=int, nargs="+", default=list(RATIOS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--level", choices=["standard", "robust"], default="standard")
    parser.add_argument("--oracle", type=Path, help="a model that never learned these people")
    parser.add_argument("--build-oracle", action="store_true", help="train it into --work (minutes)")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def _bench(options: argparse.Namespace, work: Path) -> MemoryBench:
    threads = max(1, (os.cpu_count() or 1) // options.processes)
    oracle = build_oracle(work) if options.build_oracle else options.oracle
    setup = MemorySetup(bundled_model(), work, oracle=oracle, level=options.level, threads=threads)
    return MemoryBench(setup, options.methods, options.ratios, options.seeds, {}, options.processes, _command(options))


def _command(options: argparse.Namespace) -> str:
    """The command that runs the same cases, without `--work`."""
    words = ["python", "-m", "benchmarks.mllm", "--methods", *options.methods]
    words += ["--ratios", *map(str, options.ratios), "--seeds", *map(str, options.seeds), "--level", options.level]
    return " ".join(words)


def _run(bench: MemoryBench) -> tuple[list[Result], list[LeaderboardRow]]:
    with case_progress(len(bench.planned())) as advance:
        return bench.run(lambda _: advance())


def _stored(bench: MemoryBench) -> tuple[list[Result], list[LeaderboardRow]]:
    results = stored_results(bench.setup, bench.planned())
    return results, write_outputs(bench.setup, results, bench.manifest(), TITLE)


def _raw(results: list[Result]) -> dict[str, object]:
    """Each case's overall numbers, without the splits that the work folder's `results.json` holds too."""
    names = ("case", "options", "error", "seconds", "case_processor_seconds", "bytes")
    overall = [[r for r in result["records"] if r["split"] == "overall"] for result in results]
    return {
        "cases": [
            {name: result[name] for name in names} | {r["metric"]: r["value"] for r in records}
            for result, records in zip(results, overall, strict=True)
        ]
    }


if __name__ == "__main__":
    sys.exit(main())
