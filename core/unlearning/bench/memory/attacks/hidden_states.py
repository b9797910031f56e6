"""Linear probes, trained on other people's facts: how many forgotten facts the hidden states before the answer hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from core.unlearning.bench.memory.attacks.context import AttackContext
from core.unlearning.bench.memory.records import Record
from core.unlearning.errors import InvalidInputError
from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.evaluation.linear_probe import ProbeResult, States, probe
from core.unlearning.evaluation.membership import Floats
from core.unlearning.families.language.evaluation.metrics.exact import normalise
from core.unlearning.families.language.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.language.model.batching import run_batched
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import encode_all
from core.unlearning.families.language.model.target_modules import decoder_layers
from core.unlearning.families.language.training.hidden import hidden_states
from core.unlearning.progress import Progress
from core.unlearning.types import Example

LAYERS = 8
"""Probed layers at most, at even distances, the last one included."""


def records(lm: LanguageModel, context: AttackContext, progress: Progress) -> list[Record]:
    """By view and layer. Empty where there are too few other people, or too few answers that several people share."""
    measured: list[Record] = []
    for split in FORGET_MEMORY:
        forgotten = [e for e in context.facts if e.split == split]
        others = [
            e
            for e in context.other_people
            if e.subject and (e.image is None) == (split == "forget_text_memory") and not is_refusal(e.answer)
        ]
        if forgotten and others:
            try:
                measured += _view(lm, split, others, forgotten)
            except InvalidInputError as error:
                progress.log(f"hidden states are not probed: {error.detail}")
    progress.step()
    return measured


def _view(lm: LanguageModel, split: str, others: Sequence[Example], forgotten: Sequence[Example]) -> Iterator[Record]:
    layers = _layer_sample(decoder_layers(lm.model))
    modules = list(layers.values())
    training, test = states(lm, others, modules), states(lm, forgotten, modules)
    results: dict[int, ProbeResult] = {}
    for index, number in enumerate(layers):
        result = probe(_labelled(training[:, index], others), _labelled(test[:, index], forgotten))
        if result is not None:
            results[number] = result
    for number, result in results.items():
        yield Record(split, f"probe_layer_{number}", result.forgotten, result.count)
        yield Record(split, f"probe_layer_{number}_valid", result.held_out, len(others))
    if results:
        best = max(results.values(), key=lambda result: result.held_out)
        most = max(results.values(), key=lambda result: result.forgotten)
        # The first layer is selected without the forgotten facts; the second is an upper bound for an attacker.
        yield Record(split, "probe", best.forgotten, best.count)
        yield Record(split, "probe_most", most.forgotten, most.count)


def _layer_sample(layers: Sequence[str]) -> dict[int, str]:
    """Layer number, counted from 1, to module path."""
    chosen = np.unique(np.linspace(1, len(layers), min(LAYERS, len(layers))).round().astype(int))
    return {int(number): layers[number - 1] for number in chosen}


def _labelled(values: Floats, examples: Sequence[Example]) -> States:
    return States(values, [normalise(e.answer) for e in examples], [e.subject or "" for e in examples])


@torch.no_grad()
def states(lm: LanguageModel, examples: Sequence[Example], modules: Sequence[str]) -> Floats:
    """[examples, modules, width]: the output of each module at the last token before the answer."""
    rows = encode_all(lm, examples)

    def run(batch: list[int]) -> list[Floats]:
        found = hidden_states(lm, lm.model, [rows[i] for i in batch], modules, "output")
        first = [int((found.rows == n).nonzero()[0]) for n in range(len(batch))]
        stacked = torch.stack([found.at[name][first] for name in modules], dim=1)
        return [np.asarray(row, dtype=np.float64) for row in stacked.cpu()]

    return np.stack(run_batched(rows, lm.token_budget, run, lm.buckets))
