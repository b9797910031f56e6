"""Recall of the merged model with quantised weights: forgotten facts must stay forgotten, others must stay known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from statistics import fmean

from torch import Tensor

from core.unlearning.bench.memory.attacks.context import AttackContext, answerable, evenly_spaced
from core.unlearning.bench.memory.records import Record
from core.unlearning.families.language.evaluation.metrics.exact import exact_recall
from core.unlearning.families.language.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.language.evaluation.quantise import round_to_nearest, round_to_nf4, rounded_linears
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.progress import Progress
from core.unlearning.types import Example, Split

FORMATS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "int8": partial(round_to_nearest, bits=8),
    "int4": partial(round_to_nearest, bits=4),
    "nf4": round_to_nf4,
}
SPLITS: tuple[Split, ...] = (*FORGET_MEMORY, "unseen_image_memory", "unseen_text_memory")


def records(lm: LanguageModel, context: AttackContext, progress: Progress) -> list[Record]:
    """Recall by split in each format. A format that this device does not support is left out, and logged."""
    candidates = (*context.forgotten, *context.other_people)
    examples = [e for split in SPLITS for e in evenly_spaced(answerable(candidates, split))]
    measured: list[Record] = []
    for name, rounded in FORMATS.items():
        try:
            with rounded_linears(lm.model, rounded):
                outputs = lm.generate(examples)
        except NotImplementedError as error:
            progress.log(f"{name} is not measured: {error}")
            continue
        recalled = [(e, exact_recall(output, e.answer)) for e, output in zip(examples, outputs, strict=True)]
        measured += [record for split in SPLITS for record in _recall(name, split, recalled)]
    progress.step()
    return measured


def _recall(name: str, split: Split, recalled: list[tuple[Example, bool]]) -> list[Record]:
    of_split = [right for e, right in recalled if e.split == split]
    return [Record(split, f"exact_{name}", fmean(of_split), len(of_split))] if of_split else []
