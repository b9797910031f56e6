"""Measures one classifier on examples of several splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from core.unlearning.evaluation.membership import Floats
from core.unlearning.families.audiovisual.evaluation import numbers
from core.unlearning.families.audiovisual.evaluation.members import attack_membership
from core.unlearning.families.audiovisual.evaluation.relearn import relearn_steps
from core.unlearning.families.audiovisual.evaluation.results import (
    ClassifierEvaluation,
    ClassifierMetrics,
    Outputs,
)
from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.progress import Progress
from core.unlearning.types import Example, Level, Split

CHUNK = 64
"""Examples that are predicted between two signs of progress."""
_SEED = 0
FORGOTTEN: Split = "forget_examples"


def evaluate(
    model: AudioVisualModel, examples: Sequence[Example], *, level: Level, progress: Progress
) -> ClassifierEvaluation:
    """Every metric that one model shows by itself. Calls `progress.step()` `evaluation_steps` times."""
    groups = _by_split(examples)
    outputs = {split: _predict(model, group, progress) for split, group in groups.items()}
    splits = {split: numbers.split_metrics(found) for split, found in outputs.items()}
    found = attack_membership(outputs, _SEED)
    if found is not None:
        auc, strongest = found.plain.auc, found.strongest.membership.auc
        members = replace(splits[FORGOTTEN], membership_auc=auc, membership_tpr=found.tpr, membership_worst=strongest)
        splits[FORGOTTEN] = members
    if _relearns(examples, level):
        splits[FORGOTTEN] = _with_relearning(model, groups[FORGOTTEN], splits)
        progress.step()
    attack = {} if found is None else found.details()
    return ClassifierEvaluation(level, splits, len(model.labels), attack, outputs)


def evaluation_steps(examples: Sequence[Example], level: Level) -> int:
    """How often `evaluate` calls `progress.step()`."""
    chunks = sum(-(-len(group) // CHUNK) for group in _by_split(examples).values())
    return chunks + _relearns(examples, level)


def _by_split(examples: Sequence[Example]) -> dict[Split, list[Example]]:
    groups: dict[Split, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.split, []).append(example)
    return groups


def _relearns(examples: Sequence[Example], level: Level) -> bool:
    splits = {example.split for example in examples}
    return level == "thorough" and {FORGOTTEN, "retain_examples"} <= splits


def _with_relearning(
    model: AudioVisualModel, forgotten: Sequence[Example], splits: Mapping[Split, ClassifierMetrics]
) -> ClassifierMetrics:
    kept = splits["retain_examples"].visual_loss
    return replace(splits[FORGOTTEN], relearn_steps=None if kept is None else relearn_steps(model, forgotten, kept))


def _predict(model: AudioVisualModel, examples: Sequence[Example], progress: Progress) -> Outputs:
    parts = []
    for start in range(0, len(examples), CHUNK):
        parts.append(model.predict(examples[start : start + CHUNK]))
        progress.step()
    known = {label: at for at, label in enumerate(model.labels)}
    return Outputs(
        labels=np.array([known.get(e.answer, -1) for e in examples], dtype=np.int64),
        has_image=np.array([e.image is not None for e in examples]),
        has_audio=np.array([e.audio is not None for e in examples]),
        fused=_join([part.logits for part in parts]),
        visual=_join_present([part.visual_logits for part in parts], [len(part.logits) for part in parts]),
        audio=_join_present([part.audio_logits for part in parts], [len(part.logits) for part in parts]),
        embeds=_join_present([part.visual_embeds for part in parts], [len(part.logits) for part in parts]),
    )


def _join_present(parts: Sequence[Tensor | None], lengths: Sequence[int]) -> Floats | None:
    """Chunks one after the other, zero where a chunk lacks the modality; None where all do."""
    like: Any = next((part for part in parts if part is not None), None)
    if like is None:
        return None
    filled = [
        like.new_zeros(n, like.shape[1]) if part is None else part for part, n in zip(parts, lengths, strict=True)
    ]
    return _join(filled)


def _join(parts: Sequence[Tensor]) -> Floats:
    return np.concatenate([part.double().numpy() for part in parts])
