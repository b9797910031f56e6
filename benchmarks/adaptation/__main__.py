"""`python -m benchmarks.adaptation [--check]`: how fast rows are trained on, compared with a plain implementation.

Writes `results/adaptation.json` and `.md`. Ratios only: both implementations run on the same machine in turns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from benchmarks.adaptation import gpu
from benchmarks.adaptation.measure import Cost, measure
from benchmarks.adaptation.rows import encoded_rows, kinds, steps
from benchmarks.adaptation.shapes import NARROW, TINY, random_model, reference_model
from benchmarks.adaptation.ways import Plain, Shared, Way
from benchmarks.bars import Bar, publish
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.rows import TrainingRow
from core.unlearning.hardware.allocator import keep_freed_blocks

IMAGES, QUESTIONS = 10, 20
JOB = 90
"""Steps, as `smfa` takes by default."""
AT_ONCE = (1024, 2048, 4096)
"""Tokens in a forward pass of the plain way. Larger passes write and read logits that are not needed."""
ROUNDS = 3
GROWTH_AT_ONCE = 2048
TEXT = f"""{IMAGES} pictures with {QUESTIONS} questions each, in the steps that training draws from them: 24 rows to
forget and 40 to keep, {JOB} steps. NPO on the first half of the pictures, KL to the frozen model on
the second, a LoRA of rank 16. The plain way: a padded sequence for each question, pictures through the vision tower
every time, logits at every token, the frozen model asked again in every step (`benchmarks/adaptation/ways.py`), a
step in passes of at most {", ".join(map(str, AT_ONCE))} tokens, whichever takes least time
({GROWTH_AT_ONCE} where it is shown how time grows). Both ways take turns, and the best of {ROUNDS} rounds counts.
Values are plain / shared in one run on the same machine; what is done once before training is part of a job. Operations
are counted while they run."""
NO_CARD = "\n\nNot measured here, since there is no GPU: a whole `smfa` job on a model of LLaVA-1.5-7B's shape."


def main() -> int:
    """Measure, print. Exit status 1 while a bar is missed and `--check` is given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adaptation", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 while a bar is missed")
    options = parser.parse_args()
    # As workers do.
    torch.set_flush_denormal(True)
    keep_freed_blocks()
    table = [*_model("reference model", reference_model(), 3.0, 8), *_model(NARROW.name, random_model(NARROW), 5.0, 1)]
    text = TEXT if torch.cuda.is_available() else TEXT + NO_CARD
    met = publish("adaptation", "Speed of adaptation", [*table, *_growth(), *gpu.rows()], text=text)
    return 0 if met or not options.check else 1


def _model(name: str, lm: LanguageModel, bar: float, count: int) -> Iterator[Bar]:
    rows = kinds(encoded_rows(lm, IMAGES, QUESTIONS))
    indices = {id(row): n for n, row in enumerate(rows)}
    batches = [[indices[id(row)] for row in step] for step in steps(rows, count)]
    shared, plain, size = _fastest(lm, rows, batches)
    difference = float((plain.losses - shared.losses).abs().max())
    yield Bar(
        f"{name}: time of a job, plain / shared",
        plain.job(JOB) / shared.job(JOB),
        bar,
        ">=",
        note=f"passes of {size} tokens",
    )
    yield Bar(f"{name}: largest difference of a question's loss", difference, 1e-5)
    yield Bar(f"{name}: time of a step", plain.seconds / shared.seconds)
    yield Bar(f"{name}: operations of a job", plain.job_flops(JOB) / shared.job_flops(JOB))
    yield Bar(f"{name}: tokens in a step", plain.tokens / shared.tokens, note=_tokens(plain, shared))
    yield Bar(f"{name}: peak memory of a step", plain.peak / shared.peak)
    yield Bar(f"{name}: preparation, in steps of the shared way", shared.prepared / shared.seconds)


def _fastest(
    lm: LanguageModel, rows: Sequence[TrainingRow], batches: Sequence[Sequence[int]]
) -> tuple[Cost, Cost, int]:
    """The best of some rounds in which all take turns: shared, plain in its fastest passes, and their size."""
    ways: list[Way] = [Shared(), *map(Plain, AT_ONCE)]
    rounds = [[measure(way, lm, rows, batches) for way in ways] for _ in range(ROUNDS)]
    shared, *plain = (min(costs, key=lambda cost: cost.seconds) for costs in zip(*rounds, strict=True))
    best = min(range(len(plain)), key=lambda n: plain[n].seconds)
    return shared, plain[best], AT_ONCE[best]


def _tokens(plain: Cost, shared: Cost) -> str:
    return f"{plain.tokens:.0f} / {shared.tokens:.0f} through the language model, padding included"


def _growth() -> Iterator[Bar]:
    """A step of all questions in a model of width 64; from 2 pictures, 8 questions and 2 layers, one size varies."""
    ways: list[Way] = [Shared(), Plain(GROWTH_AT_ONCE)]
    sizes = [(2, 8, 2), (4, 8, 2), (8, 8, 2), (2, 16, 2), (2, 32, 2), (2, 8, 4), (2, 8, 8)]
    for images, questions, layers in sizes:
        lm = random_model(replace(TINY, layers=layers))
        rows = kinds(encoded_rows(lm, images, questions))
        shared, plain = (measure(way, lm, rows, [range(len(rows))]) for way in ways)
        name = f"{images} pictures x {questions} questions, {layers} layers"
        note = f"operations {plain.flops / shared.flops:.1f}, tokens {plain.tokens / shared.tokens:.1f}"
        yield Bar(f"{name}: time of a step, plain / shared", plain.seconds / shared.seconds, note=note)


if __name__ == "__main__":
    sys.exit(main())
