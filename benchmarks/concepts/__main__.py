"""`python -m benchmarks.concepts [--check] [--work DIR [--report]] [--methods M ...] [--targets N] [--seeds 0 1 2]`.

Methods run on the reference world's pipeline as they do in a job, and everything is measured with their patch loaded by
diffusers. `--work` keeps results, so that an interrupted run resumes where it stopped; `--report` runs nothing and
publishes the results that are there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.bars import RESULTS, Bar, publish
from benchmarks.concepts.correction import METHODS, correction_bars, measure_correction, stored_shares
from benchmarks.concepts.sizes import size_bars
from benchmarks.concepts.table import bars, count_jobs
from benchmarks.progress import case_progress
from core.unlearning.bench.concepts.cases import CONTENDERS, ConceptCase, cases, first_of_each_kind
from core.unlearning.bench.concepts.contact_sheet import stack_strips
from core.unlearning.bench.concepts.results import stored_results
from core.unlearning.bench.concepts.run import run
from core.unlearning.bench.concepts.setup import ConceptSetup, open_judges
from core.unlearning.bench.store import Result
from core.unlearning.families.diffusion import concepts
from core.unlearning.families.diffusion.load import load
from core.unlearning.progress import Silent
from core.unlearning.reference import diffusion
from core.unlearning.reference.diffusion.concepts import HARMFUL
from core.unlearning.types import ModelSpec

WORLD = Path(diffusion.__file__).parent / "data"
DRAWING = {"draw_steps": 20, "draw_guidance": 3.0}
TEXT = """Reference world, prompts that no job has seen, the patch loaded by stock diffusers. UA: share of the target's
pictures in which it is not seen. IRA, CRA: share of other concepts of its kind, and of the other kinds, that are seen
where they are asked for. Means, ± one standard deviation over jobs. Pictures: `concepts-<method>.png`, the same seeds
before (above) and after (below): target, its kind, other kinds.

Jobs on one target each: {jobs}. A whole run has 45 jobs on 15 targets with `closed-form` and with
`forget-me-not`, by name and of pictures only, and 15 of each of the others. The seconds that passed hold whatever else
the machine did."""


def main() -> int:
    """Run, measure, print. Exit status 1 while a bar is missed and `--check` is given."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        if options.report:
            results, shares = stored_results(work), stored_shares(work)
        else:
            setup, planned = _plan(options, work)
            results, shares = _run(setup, planned), measure_correction(setup, options.methods, options.seeds)
        _save_contact_sheets(results, work)
    table: list[Bar] = [*bars(results), *correction_bars(shares), *size_bars()]
    text = TEXT.format(jobs=count_jobs(results))
    met = publish("concepts", "ConceptBench on the reference world", table, text=text, raw={"results": results})
    return 0 if met or not options.check else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.concepts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 while a bar is missed")
    parser.add_argument("--work", type=Path, help="keep results here and resume from them")
    parser.add_argument("--report", action="store_true", help="run nothing: publish what --work holds")
    parser.add_argument("--world", type=Path, default=WORLD, help="a folder with base, classifiers and retain_set")
    parser.add_argument("--methods", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--targets", type=int, default=5, help="of each kind")
    parser.add_argument("--attacked", type=int, default=5, help="targets of each kind that are attacked")
    parser.add_argument("--scored", type=int, default=1, help="of those, how many have their M-Score taken")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--together", type=int, nargs="*", default=[5, 10], help="targets of one kind in one job")
    return parser.parse_args()


def _plan(options: argparse.Namespace, work: Path) -> tuple[ConceptSetup, list[ConceptCase]]:
    spec = ModelSpec("reference-diffusion", "diffusion", str(options.world / "base"), defaults=DRAWING)
    model, known = load(spec), concepts.read(options.world / "retain_set")
    judges = open_judges(options.world / "classifiers", None, str(model.device))
    planned = list(cases(known, options.methods, options.targets, options.seeds, options.together))
    named = [name for name in options.methods if name in METHODS]
    planned += [ConceptCase(name, (HARMFUL,), "concept", seed) for seed in options.seeds for name in named]
    setup = ConceptSetup(
        model,
        judges,
        options.world / "retain_set",
        work,
        attacked_seeds=options.seeds[:1],
        attacked=first_of_each_kind(known, options.attacked),
        scored=first_of_each_kind(known, options.scored),
    )
    return setup, planned


def _run(setup: ConceptSetup, planned: list[ConceptCase]) -> list[Result]:
    with case_progress(len(planned)) as advance:

        def show(result: Result) -> None:
            numbers = (result[name] for name in ("ua", "ira", "cra"))
            advance(f"{result['case']}:", *("–" if number is None else f"{number:.2f}" for number in numbers))

        return run(setup, planned, Silent(), show)


def _save_contact_sheets(results: list[Result], work: Path) -> None:
    from PIL import Image

    for contender in dict.fromkeys(result["contender"] for result in results):
        names = [(result["case"], ", ".join(result["targets"])) for result in results]
        strips = [
            (f"{title} ({name})", Image.open(work / f"{name}.png"))
            for name, title in names
            if name.startswith(f"{contender}.") and (work / f"{name}.png").is_file()
        ]
        if strips:
            stack_strips(strips).save(RESULTS / f"concepts-{contender}.png", optimize=True)


if __name__ == "__main__":
    sys.exit(main())
