"""What a linear probe, trained on other people, reads of the forgotten facts from the states where answers begin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from core.unlearning.bench.memory.attacks.context import Robust
from core.unlearning.bench.memory.records import Record
from core.unlearning.errors import InvalidInputError
from core.unlearning.evaluation.linear_probe import Probed, States, probe
from core.unlearning.evaluation.membership import Floats
from core.unlearning.families.mllm.evaluation.metrics.exact import normalise
from core.unlearning.families.mllm.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.mllm.model.batching import run_batched
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.model.score import encode_all
from core.unlearning.families.mllm.model.target_modules import decoder_layers
from core.unlearning.families.mllm.refusals import is_refusal
from core.unlearning.families.mllm.training.hidden import hidden_states
from core.unlearning.progress import Progress
from core.unlearning.types import Example

LAYERS = 8
"""Layers that are read at most, at even distances, the last among them."""


def records(lm: MultimodalLM, context: Robust, progress: Progress) -> list[Record]:
    """By view and layer; none where there are too few people, or facts that others share."""
    found: list[Record] = []
    for split in FORGET_MEMORY:
        forgotten = [e for e in context.facts if e.split == split]
        others = [
            e
            for e in context.kept
            if e.subject and (e.image is None) == (split == "forget_text_memory") and not is_refusal(e.answer)
        ]
        if forgotten and others:
            try:
                found += _view(lm, split, others, forgotten)
            except InvalidInputError as error:
                progress.log(f"hidden states are not probed: {error.detail}")
    progress.step()
    return found


def _view(lm: MultimodalLM, split: str, others: Sequence[Example], forgotten: Sequence[Example]) -> Iterator[Record]:
    layers = _some(decoder_layers(lm.model))
    known, asked = states(lm, others, list(layers.values())), states(lm, forgotten, list(layers.values()))
    probed: dict[int, Probed] = {}
    for place, number in enumerate(layers):
        one = probe(_labelled(known[:, place], others), _labelled(asked[:, place], forgotten))
        if one is not None:
            probed[number] = one
    for number, one in probed.items():
        yield Record(split, f"probe_layer_{number}", one.told, one.asked)
        yield Record(split, f"probe_layer_{number}_valid", one.valid, len(others))
    if probed:
        best = max(probed.values(), key=lambda one: one.valid)
        most = max(probed.values(), key=lambda one: one.told)
        # The first is chosen without looking at the forgotten; the second is what somebody lucky would find.
        yield Record(split, "probe", best.told, best.asked)
        yield Record(split, "probe_most", most.told, most.asked)


def _some(layers: Sequence[str]) -> dict[int, str]:
    """Number, from 1, to path."""
    chosen = np.unique(np.linspace(1, len(layers), min(LAYERS, len(layers))).round().astype(int))
    return {int(number): layers[number - 1] for number in chosen}


def _labelled(values: Floats, examples: Sequence[Example]) -> States:
    return States(values, [normalise(e.answer) for e in examples], [e.subject or "" for e in examples])


@torch.no_grad()
def states(lm: MultimodalLM, examples: Sequence[Example], modules: Sequence[str]) -> Floats:
    """[examples, modules, width]: what leaves each module at the last token before the answer."""
    rows = encode_all(lm, examples)

    def run(batch: list[int]) -> list[Floats]:
        found = hidden_states(lm, lm.model, [rows[i] for i in batch], modules, "output")
        first = [int((found.rows == n).nonzero()[0]) for n in range(len(batch))]
        stacked = torch.stack([found.at[name][first] for name in modules], dim=1)
        return [np.asarray(row, dtype=np.float64) for row in stacked.cpu()]

    return np.stack(run_batched(rows, lm.token_budget, run, lm.buckets))
