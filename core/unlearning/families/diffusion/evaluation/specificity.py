"""The response of a patch to a concept: large for its target, small for others.

The same number tells anyone with a list of candidates whom a patch is about: patches are not for the public.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from core.unlearning.families.diffusion.config import FORGET
from core.unlearning.families.diffusion.evaluation.results import PictureMetrics
from core.unlearning.families.diffusion.model.attention import key_values
from core.unlearning.families.diffusion.model.text import end_of_text_position, text_states
from core.unlearning.types import Example, Split


@dataclass(frozen=True)
class Edit:
    """One cross-attention projection `[out, d]` and what the patch adds to it, `lora_b @ lora_a` with its scale in."""

    weight: Tensor
    lora_a: Tensor
    lora_b: Tensor


def edits_of(unet: Any, adapter: str) -> list[Edit]:
    """Those of an adapter that is loaded, of the projections that read text."""
    layers = [layer for layer in key_values(unet).values() if adapter in getattr(layer, "lora_A", {})]
    return [_edit(layer, adapter) for layer in layers]


@torch.no_grad()
def response(edits: Sequence[Edit], tokens: Tensor) -> float:
    """|dW c| / |W c| over every projection, for the text encoder's outputs `[n, d]` at a concept's tokens."""
    if not edits or not len(tokens):
        return 0.0
    changed = sum(float((edit.lora_b @ (edit.lora_a @ tokens.T)).double().square().sum()) for edit in edits)
    whole = sum(float((edit.weight @ tokens.T).double().square().sum()) for edit in edits)
    return (changed / whole) ** 0.5 if whole else 0.0


def ratio(target: float, others: Sequence[float]) -> float | None:
    """The target's response over the largest of the others; None where there is nothing to compare with."""
    largest = max(others, default=0.0)
    return target / largest if largest else None


def with_responses(
    pipe: Any, adapter: str, examples: Sequence[Example], splits: Mapping[Split, PictureMetrics]
) -> dict[Split, PictureMetrics]:
    """The numbers of each split with its concepts' mean response, and the specificity of the whole patch.

    A patch on none of the projections that read text has neither.
    """
    edits = edits_of(pipe.unet, adapter)
    if not edits:
        return dict(splits)
    names = {split: list(dict.fromkeys(_names(examples, split))) for split in splits}
    found = {name: response(edits, _tokens(pipe, name)) for name in {n for each in names.values() for n in each}}
    means = {split: fmean(found[name] for name in each) for split, each in names.items() if each}
    target = [found[name] for split in FORGET for name in names.get(split, ())]
    others = [found[name] for split, each in names.items() if split not in FORGET for name in each]
    specificity = ratio(min(target), others) if target else None
    return {
        split: _with_numbers(metrics, means.get(split), specificity if split == "forget_concept" else None)
        for split, metrics in splits.items()
    }


def _edit(layer: Any, adapter: str) -> Edit:
    scale = float(layer.scaling[adapter])
    weight, lora_a, lora_b = layer.base_layer.weight, layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
    return Edit(weight.float(), lora_a.float(), scale * lora_b.float())


def _names(examples: Sequence[Example], split: Split) -> list[str]:
    """What the split's prompts call their concepts."""
    forgotten = split in FORGET
    return [name for e in examples if e.split == split and (name := e.subject if forgotten else e.answer)]


def _tokens(pipe: Any, name: str) -> Tensor:
    """The states of the name's own sub-words and the end of the text: [tokens, dim]."""
    return text_states(pipe, [name])[0, 1 : end_of_text_position(pipe.tokenizer, name) + 1].float()


def _with_numbers(metrics: PictureMetrics, response: float | None, specificity: float | None) -> PictureMetrics:
    return replace(metrics, response=response, specificity=specificity)
