"""`rmu`, as a LoRA on what three layers' MLPs write into the residual stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from core.unlearning.families.language.model.answer_cache import AnswerKind
from core.unlearning.families.language.model.frozen import run_cached
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.target_modules import decoder_layers, mlp_outputs, pattern_of
from core.unlearning.families.language.training.hidden import hidden_states
from core.unlearning.families.language.training.losses import row_means
from core.unlearning.families.language.training.rows import TrainingRow, answer_rows
from core.unlearning.methods.rmu.config import Options
from core.unlearning.methods.rmu.losses import control, distance
from core.unlearning.methods.shared.lora_forgetting import LoraForgetting, LoraTask, forget_examples, retain_answer_rows
from core.unlearning.types import JobData

_DEPTH = 7 / 32
"""Layer 7 of the 32 of Zephyr 7B."""
_TRAINED = 3
"""Layers that are trained: the steered one and the two before it."""


@dataclass(frozen=True)
class SteeredRow(TrainingRow):
    """`target` [tokens, width]: the hidden states that the row is trained towards."""

    target: Tensor = field(default_factory=lambda: torch.zeros(0, 0))


class Rmu(LoraForgetting):
    """The baseline `rmu`."""

    def task(self, lm: LanguageModel, data: JobData, options: Options) -> LoraTask:
        """See `LoraForgetting.task`."""
        layer = _layers(lm, options)[-1]
        forget, keep = answer_rows(lm, forget_examples(data)), retain_answer_rows(lm, data)
        frozen = frozen_states(lm, layer, [*forget, *keep])
        forget_states, keep_states = frozen[: len(forget)], frozen[len(forget) :]
        length = options.steering * float(torch.cat(forget_states).norm(dim=-1).mean())
        vector = control(forget_states[0].shape[1], length, options.seed)
        steered = [
            SteeredRow(row.encoded, target=vector.expand_as(states))
            for row, states in zip(forget, forget_states, strict=True)
        ]
        retained = [
            SteeredRow(row.encoded, kind=row.kind, target=states) for row, states in zip(keep, keep_states, strict=True)
        ]

        def loss(lm: LanguageModel, model: Any, rows: Sequence[TrainingRow]) -> Tensor:
            states = hidden_states(lm, model, [row.encoded for row in rows], [layer], "output")
            targets = torch.cat([row.target for row in rows if isinstance(row, SteeredRow)]).to(lm.device)
            return row_means(distance(states.at[layer], targets), states.rows, len(rows))

        return LoraTask(steered, loss, retained)

    def targets(self, lm: LanguageModel, options: Options) -> str:
        """The MLPs' output projections."""
        return pattern_of(mlp_outputs(lm.model, _layers(lm, options)))


def _layers(lm: LanguageModel, options: Options) -> list[str]:
    """The trained layers, the steered one last; a number beyond the model's depth means its last layer."""
    layers = decoder_layers(lm.model)
    last = options.layer if options.layer is not None else max(_TRAINED - 1, round(_DEPTH * len(layers)))
    return layers[: last + 1][-_TRAINED:]


@torch.no_grad()
def frozen_states(lm: LanguageModel, layer: str, rows: Sequence[TrainingRow]) -> list[Tensor]:
    """The frozen layer's output at the positions that predict each row's answer, [tokens, width] on the CPU."""
    encoded = [row.encoded for row in rows]

    def run(batch: list[int]) -> list[Tensor]:
        states = hidden_states(lm, lm.model, [encoded[i] for i in batch], [layer], "output")
        counts = torch.bincount(states.rows, minlength=len(batch)).tolist()
        return [part.clone() for part in states.at[layer].cpu().split(counts)]  # type: ignore[no-untyped-call]

    kind: AnswerKind[Tensor] = AnswerKind(f"states {layer}", lambda s: (None, (s,)), lambda _, tensors: tensors[0])
    return run_cached(lm, kind, encoded, lm.token_budget, run, lm.buckets)


METHOD = Rmu()
