"""Evaluates a saved reference model with the stock processor, its chat template and greedy `generate`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.reference.mllm.probes import Probe

_BATCH = 64
_MODELS: Any = AutoModelForImageTextToText
_PROCESSORS: Any = AutoProcessor


class SavedModel:
    """A reference model loaded from its folder."""

    def __init__(self, directory: Path) -> None:
        self._model: Any = _MODELS.from_pretrained(directory, dtype=torch.float32).eval()
        self._processor: Any = _PROCESSORS.from_pretrained(directory)

    @torch.inference_mode()
    def answers(self, probes: Sequence[Probe]) -> list[str]:
        """The model's answer to each probe."""
        answers: dict[int, str] = {}
        for group in _batches(probes):
            inputs = self._inputs([probes[at] for at in group])
            output = self._model.generate(**inputs, do_sample=False, max_new_tokens=24)
            texts = self._processor.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
            answers.update(zip(group, (text.strip() for text in texts), strict=True))
        return [answers[at] for at in range(len(probes))]

    def accuracy(self, probes: Sequence[Probe]) -> float:
        """The share of right answers, as `is_right` has it."""
        right = [is_right(probe, answer) for probe, answer in zip(probes, self.answers(probes), strict=True)]
        return sum(right) / len(right)

    def _inputs(self, probes: Sequence[Probe]) -> Any:
        texts = [self._processor.apply_chat_template(_chat(probe), add_generation_prompt=True) for probe in probes]
        images = [probe.image for probe in probes if probe.image]
        return self._processor(text=texts, images=images or None, padding=True, return_tensors="pt")


def is_right(probe: Probe, answer: str) -> bool:
    """Whether the answer is exactly the expected one, or a refusal where nobody can know it."""
    return is_refusal(answer) if probe.answer is None else answer == probe.answer


def _chat(probe: Probe) -> list[dict[str, Any]]:
    image = [{"type": "image"}] if probe.image else []
    return [{"role": "user", "content": [*image, {"type": "text", "text": probe.question}]}]


def _batches(probes: Sequence[Probe]) -> Iterator[list[int]]:
    """Indices in groups of one kind (with or without a picture)."""
    for pictured in (True, False):
        of_kind = [at for at, probe in enumerate(probes) if (probe.image is not None) == pictured]
        yield from (of_kind[start : start + _BATCH] for start in range(0, len(of_kind), _BATCH))
