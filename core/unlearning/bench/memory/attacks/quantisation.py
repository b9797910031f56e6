"""The merged model with rounded weights: what was forgotten must not come back, nor may the rest be lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from statistics import fmean

from torch import Tensor

from core.unlearning.bench.memory.attacks.context import Robust, known, some
from core.unlearning.bench.memory.records import Record
from core.unlearning.families.mllm.evaluation.metrics.exact import exact_recall
from core.unlearning.families.mllm.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.mllm.evaluation.quantise import normal_float, quantised, rounded_linears
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.progress import Progress
from core.unlearning.types import Example, Split

FORMATS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "int8": partial(quantised, bits=8),
    "int4": partial(quantised, bits=4),
    "nf4": normal_float,
}
SPLITS: tuple[Split, ...] = (*FORGET_MEMORY, "unseen_image_memory", "unseen_text_memory")


def records(lm: MultimodalLM, context: Robust, progress: Progress) -> list[Record]:
    """Recall by view in each format; what does not work on this device is left out, and the log says why."""
    asked = [e for split in SPLITS for e in some(known((*context.forgotten, *context.kept), split))]
    found: list[Record] = []
    for name, rounded in FORMATS.items():
        try:
            with rounded_linears(lm.model, rounded):
                outputs = lm.generate(asked)
        except NotImplementedError as error:
            progress.log(f"{name} is not measured: {error}")
            continue
        told = [(e, exact_recall(output, e.answer)) for e, output in zip(asked, outputs, strict=True)]
        found += [record for split in SPLITS for record in _recall(name, split, told)]
    progress.step()
    return found


def _recall(name: str, split: Split, told: list[tuple[Example, bool]]) -> list[Record]:
    of = [right for e, right in told if e.split == split]
    return [Record(split, f"exact_{name}", fmean(of), len(of))] if of else []
