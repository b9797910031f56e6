"""`python -m benchmarks.audiovisual [--check] [--work DIR] [--seeds N]`.

Trains originals and references of every seed from scratch, runs every method on them, measures. `--work` keeps models
and results, so that an interrupted run resumes where it stopped.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.audiovisual import models
from benchmarks.audiovisual.measure import (
    SplitPredictions,
    closeness,
    layer_features,
    layer_similarity,
    model_numbers,
    predict_splits,
    relearning_steps,
)
from benchmarks.audiovisual.runs import BASELINES, CCU_VARIANTS, ForgettingRun, run_baseline, run_ccu
from benchmarks.audiovisual.scenarios import Scenario, scenarios
from benchmarks.audiovisual.service import rows as service_rows
from benchmarks.audiovisual.table import bars
from benchmarks.bars import publish
from core.unlearning.bench.store import ResultStore
from core.unlearning.families.audiovisual.model.model import AudioVisualModel

TEXT = """Forgetting what was seen of four of sixty people, and of one of ten classes. Originals and retrained
references (without these pictures, with their sounds) are trained from scratch with each seed. Means over {n} seeds, ±
one standard deviation. Times are CPU seconds of one thread, without the encoding of pictures and sounds. A sample pass
is one example trained on; where those that are only looked at are counted too, each counts a third. `ccu` is
reconstructed from the abstract of arXiv 2509.23895. Baselines are not methods of the service."""


def main() -> int:
    """Run, measure, print. Exit status 1 while a bar is missed and `--check` is given."""
    options = _arguments()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        seeds = [_seed_numbers(work, seed) for seed in range(options.seeds)]
        served = list(service_rows(work))
    text = TEXT.format(n=options.seeds)
    met = publish(
        "audiovisual", "CCU on the reference classifier", [*bars(seeds), *served], text=text, raw={"seeds": seeds}
    )
    return 0 if met or not options.check else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audiovisual", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 while a bar is missed")
    parser.add_argument("--work", type=Path, help="keep models and measurements here and resume from them")
    parser.add_argument("--seeds", type=int, default=5)
    return parser.parse_args()


def _seed_numbers(work: Path, seed: int) -> dict[str, Any]:
    """The numbers of each scenario."""
    store = ResultStore(work / f"seed-{seed}")
    return {
        scenario.name: store.read_or_measure(scenario.name, partial(_measure, work, seed, scenario))
        for scenario in scenarios()
    }


def _measure(work: Path, seed: int, scenario: Scenario) -> dict[str, Any]:
    """Original, reference, and the result of every method."""
    original, retrained = models.original(work, seed), models.reference(work, seed, scenario)
    base, reference = original.load(), retrained.load()
    before, target = predict_splits(base, scenario), predict_splits(reference, scenario)
    runs: dict[str, Callable[[], ForgettingRun]] = {
        **{name: partial(run_ccu, base, scenario, seed, options) for name, options in CCU_VARIANTS.items()},
        **{name: partial(run_baseline, base, scenario, seed, baseline) for name, baseline in BASELINES.items()},
    }
    reference_features = layer_features(reference, scenario)
    results = {}
    for name, run in runs.items():
        forgetting = run()
        numbers = _all_numbers(forgetting.model, scenario, before, target, relearns=name == "ccu")
        numbers["cka"] = layer_similarity(layer_features(forgetting.model, scenario), reference_features)
        results[name] = numbers | {k: getattr(forgetting, k) for k in ("seconds", "cost", "details")}
    sys.stderr.write(f"seed {seed}, {scenario.name}: measured\n")
    return {
        "base": {**model_numbers(before), **closeness(before, target), "seconds": original.seconds},
        "reference": {**_all_numbers(reference, scenario, before, target), "seconds": retrained.seconds},
        "runs": results,
    }


def _all_numbers(
    model: AudioVisualModel,
    scenario: Scenario,
    before: SplitPredictions,
    target: SplitPredictions,
    *,
    relearns: bool = True,
) -> dict[str, Any]:
    predictions = predict_splits(model, scenario)
    numbers: dict[str, Any] = {**model_numbers(predictions), **closeness(predictions, target)}
    return numbers | {"relearn": relearning_steps(model, scenario, before)} if relearns else numbers


if __name__ == "__main__":
    sys.exit(main())
