"""Whether what was forgotten stays so when the model is asked under pressure or compressed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import fmean
from typing import TYPE_CHECKING

from core.unlearning.families.mllm.evaluation.answerer import Answerer
from core.unlearning.families.mllm.evaluation.attacks import TEMPLATES, attacked
from core.unlearning.families.mllm.evaluation.metrics.exact import exact_recall
from core.unlearning.families.mllm.evaluation.probes import FORGET_MEMORY, Probe
from core.unlearning.families.mllm.evaluation.results import Robustness
from core.unlearning.families.mllm.refusals import is_refusal
from core.unlearning.progress import Progress
from core.unlearning.types import Example

if TYPE_CHECKING:
    from torch import nn

CAP = 60
"""Forgotten questions of a split that each check asks again."""
BITS = {"int8": 8, "int4": 4}


def robustness_checks(asked: Sequence[Probe], *, with_model: bool) -> list[str]:
    """The names of the checks that `robustness` makes, each of which is one step of progress."""
    if not _forgotten(asked):
        return []
    return [*TEMPLATES, *(BITS if with_model else ())]


def robustness(
    answerer: Answerer, asked: Sequence[Probe], model: nn.Module | None, progress: Progress
) -> tuple[Robustness, ...]:
    """Recall of the forgotten answers under each check. Without `model` only those that ask differently."""
    forgotten, found = _forgotten(asked), list[Robustness]()
    for check in robustness_checks(asked, with_model=model is not None):
        with _under(model, check):
            outputs = answerer.generate(attacked(forgotten, check) if check in TEMPLATES else forgotten)
        found += _recall(check, forgotten, outputs)
        progress.step()
    return tuple(found)


def _forgotten(asked: Sequence[Probe]) -> list[Example]:
    by_split = ([p.example for p in asked if p.known and p.example.split == split] for split in FORGET_MEMORY)
    return [example for examples in by_split for example in examples[:: max(1, -(-len(examples) // CAP))]]


@contextmanager
def _under(model: nn.Module | None, check: str) -> Iterator[None]:
    if model is None or check not in BITS:
        yield
        return
    from core.unlearning.families.mllm.evaluation.quantise import quantised_linears

    with quantised_linears(model, BITS[check]):
        yield


def _recall(check: str, examples: Sequence[Example], outputs: Sequence[str]) -> Iterator[Robustness]:
    for split in FORGET_MEMORY:
        pairs = [(e, output) for e, output in zip(examples, outputs, strict=True) if e.split == split]
        if pairs:
            exact = fmean(exact_recall(output, example.answer) for example, output in pairs)
            yield Robustness(check, split, len(pairs), exact, fmean(is_refusal(output) for _, output in pairs))
