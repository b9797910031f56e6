"""`python -m benchmarks.audiovisual [--check] [--work DIR] [--seeds N]`.

Trains originals and references of every seed from nothing, forgets in every way, measures. `--work` keeps what is done,
so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.audiovisual import models
from benchmarks.audiovisual.measure import Asked, ask, compared, layers, measured, relearning, similarity
from benchmarks.audiovisual.runs import BASELINES, CCU, Ran, with_baseline, with_ccu
from benchmarks.audiovisual.scenarios import Scenario, scenarios
from benchmarks.audiovisual.service import rows as service_rows
from benchmarks.audiovisual.table import bars
from benchmarks.bars import publish
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
        found = [_seed(work, seed) for seed in range(options.seeds)]
        served = list(service_rows(work))
    text = TEXT.format(n=options.seeds)
    met = publish(
        "audiovisual", "CCU on the reference classifier", [*bars(found), *served], text=text, raw={"seeds": found}
    )
    return 0 if met or not options.check else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audiovisual", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 while a bar is missed")
    parser.add_argument("--work", type=Path, help="keep models and measurements here and go on from what is there")
    parser.add_argument("--seeds", type=int, default=5)
    return parser.parse_args()


def _seed(work: Path, seed: int) -> dict[str, Any]:
    found = {}
    for scenario in scenarios():
        path = work / f"seed-{seed}" / f"{scenario.name}.json"
        if not path.exists():
            made = _measured(work, seed, scenario)
            path.write_text(json.dumps(made, indent=1))
            sys.stderr.write(f"seed {seed}, {scenario.name}: measured\n")
        found[scenario.name] = json.loads(path.read_text())
    return found


def _measured(work: Path, seed: int, scenario: Scenario) -> dict[str, Any]:
    """Original, reference, and every way of forgetting."""
    kept, retrained = models.original(work, seed), models.reference(work, seed, scenario)
    base, reference = kept.load(), retrained.load()
    before, gold = ask(base, scenario), ask(reference, scenario)
    found: dict[str, Any] = {
        "base": {**measured(before), **compared(before, gold), "seconds": kept.seconds},
        "reference": {**_whole(reference, scenario, before, gold), "seconds": retrained.seconds},
        "runs": {},
    }
    ways: dict[str, Callable[[], Ran]] = {
        **{name: lambda o=o: with_ccu(base, scenario, seed, o) for name, o in CCU.items()},
        **{name: lambda b=b: with_baseline(base, scenario, seed, b) for name, b in BASELINES.items()},
    }
    shown = layers(reference, scenario)
    for name, run in ways.items():
        ran = run()
        numbers = _whole(ran.model, scenario, before, gold, relearns=name == "ccu")
        numbers |= {"cka": similarity(layers(ran.model, scenario), shown)}
        found["runs"][name] = numbers | {"seconds": ran.seconds, "cost": ran.cost, "details": ran.details}
    return found


def _whole(
    model: AudioVisualModel, scenario: Scenario, before: Asked, gold: Asked, *, relearns: bool = True
) -> dict[str, Any]:
    found = ask(model, scenario)
    numbers = {**measured(found), **compared(found, gold)}
    return numbers | {"relearn": relearning(model, scenario, before)} if relearns else numbers


if __name__ == "__main__":
    sys.exit(main())
