"""Recall of forgotten answers under prompt attacks and after rounding of the weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean
from typing import TYPE_CHECKING

from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.families.language.evaluation.metrics.recall import leaks
from core.unlearning.families.language.evaluation.probes import FORGET_MEMORY, Probe
from core.unlearning.families.language.evaluation.prompt_attacks import TEMPLATES, apply_attack
from core.unlearning.families.language.evaluation.results import RobustnessResult
from core.unlearning.families.language.model.answerer import Answerer
from core.unlearning.progress import Progress
from core.unlearning.types import Example

if TYPE_CHECKING:
    from torch import nn

CAP = 60
"""Forgotten questions of a split that each check asks again."""
BITS = {"int8": 8, "int4": 4}


def robustness_checks(probed: Sequence[Probe], *, with_model: bool) -> list[str]:
    """The names of the checks that `robustness` makes, each of which is one step of progress."""
    if not _forgotten(probed):
        return []
    return [*TEMPLATES, *(BITS if with_model else ())]


def robustness(
    answerer: Answerer, probed: Sequence[Probe], model: nn.Module | None, progress: Progress
) -> tuple[RobustnessResult, ...]:
    """Recall of the forgotten answers under each check. Without `model` only those that ask differently."""
    forgotten, results = _forgotten(probed), list[RobustnessResult]()
    for check in robustness_checks(probed, with_model=model is not None):
        with _under(model, check):
            outputs = answerer.generate(apply_attack(forgotten, check) if check in TEMPLATES else forgotten)
        results += _recall(check, forgotten, outputs)
        progress.step()
    return tuple(results)


def _forgotten(probed: Sequence[Probe]) -> list[Example]:
    by_split = ([p.example for p in probed if p.known and p.example.split == split] for split in FORGET_MEMORY)
    return [example for examples in by_split for example in examples[:: max(1, -(-len(examples) // CAP))]]


@contextmanager
def _under(model: nn.Module | None, check: str) -> Iterator[None]:
    if model is None or check not in BITS:
        yield
        return
    from core.unlearning.families.language.evaluation.quantise import quantised_linears

    with quantised_linears(model, BITS[check]):
        yield


def _recall(check: str, examples: Sequence[Example], outputs: Sequence[str]) -> Iterator[RobustnessResult]:
    for split in FORGET_MEMORY:
        pairs = [(e, output) for e, output in zip(examples, outputs, strict=True) if e.split == split]
        if pairs:
            exact = fmean(leaks(output, example) for example, output in pairs)
            yield RobustnessResult(
                check,
                split,
                len(pairs),
                exact,
                fmean(is_refusal(output, example.question) for example, output in pairs),
            )
