"""Rows as tensors: the questions of a row share its picture, see nothing of each other, and cost no picture twice.

Each is computed exactly as if it stood alone in the model's chat template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.unlearning.reference.mllm.architecture import IMAGE_TOKENS
from core.unlearning.reference.mllm.packing import pixels
from core.unlearning.reference.smollm2_vision.architecture import IMAGE, SYSTEM
from core.unlearning.reference.smollm2_vision.rows import Row
from core.unlearning.reference.smollm2_vision.teacher import Answer


@dataclass(frozen=True)
class Batch:
    """`inputs` for the model [B, L]; where answers are, flat over B and L: `at` [N], and what is said there.

    `ids` and `weights` are [N, K]: the likely tokens of each place and how likely each is (K = 1 outside prompts).
    """

    inputs: dict[str, Tensor]
    at: Tensor
    ids: Tensor
    weights: Tensor


@dataclass
class _Layout:
    ids: list[int]
    segments: list[int]
    positions: list[int]
    targets: list[tuple[int, Sequence[int], Sequence[float]]]

    @classmethod
    def of(cls, prefix: list[int]) -> _Layout:
        return cls(list(prefix), [0] * len(prefix), list(range(len(prefix))), [])

    def add(self, question: list[int], answer: Answer, prefix: int) -> None:
        start, segment = len(self.ids), self.segments[-1] + 1
        self.ids += question + answer.tokens[:-1]
        added = len(self.ids) - start
        self.segments += [segment] * added
        self.positions += range(prefix, prefix + added)
        first = start + len(question) - 1
        self.targets += [
            (first + at, ids, weights)
            for at, (ids, weights) in enumerate(zip(answer.likely, answer.weights, strict=True))
        ]


class Packer:
    """Turns rows into batches; `prompts` are the general ones' questions with the pretrained model's answers."""

    def __init__(self, tokenizer: Any, prompts: Sequence[tuple[str, Answer]]) -> None:
        self._tokenizer, self._prompts = tokenizer, prompts
        self._pad = int(tokenizer.pad_token_id)
        self._image = int(tokenizer.convert_tokens_to_ids(IMAGE))
        self._opening = self._ids(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n")
        self._newline = self._ids("\n")

    def __call__(self, rows: Sequence[Row]) -> Batch:
        layouts = [self._layout(row) for row in rows]
        inputs = {
            "input_ids": _padded([x.ids for x in layouts], self._pad),
            "position_ids": _padded([x.positions for x in layouts], 0),
            "attention_mask": _mask(_padded([x.segments for x in layouts], -1)),
        }
        images = [row.image for row in rows if row.image]
        if images:
            inputs["pixel_values"] = pixels(images)
        length = inputs["input_ids"].shape[1]
        places = [(row * length + at, i, w) for row, x in enumerate(layouts) for at, i, w in x.targets]
        likely = _padded([list(ids) for _, ids, _ in places], 0)
        weights = torch.zeros(likely.shape)
        for at, (_, _, row_weights) in enumerate(places):
            weights[at, : len(row_weights)] = torch.as_tensor(row_weights)
        return Batch(inputs, torch.tensor([at for at, _, _ in places]), likely, weights)

    def _layout(self, row: Row) -> _Layout:
        picture = [self._image] * IMAGE_TOKENS + self._newline if row.image else []
        prefix = self._opening + picture
        layout = _Layout.of(prefix)
        for qa in row.questions:
            layout.add(self._question(qa.question), self._answer(qa.answer), len(prefix))
        for at in row.prompts:
            question, answer = self._prompts[at]
            layout.add(self._question(question), answer, len(prefix))
        return layout

    def _question(self, text: str) -> list[int]:
        return self._ids(f"{text}<|im_end|>\n<|im_start|>assistant\n")

    def _answer(self, text: str) -> Answer:
        return Answer.certain(self._ids(f"{text}<|im_end|>"))

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def _padded(rows: Sequence[Sequence[int]], fill: int) -> Tensor:
    out = np.full((len(rows), max(map(len, rows))), fill, dtype=np.int64)
    for at, row in enumerate(rows):
        out[at, : len(row)] = row
    return torch.from_numpy(out)


def _mask(segments: Tensor) -> Tensor:
    """[B, 1, L, L] boolean; segment 0 is what all questions of a row see, -1 padding (which sees itself)."""
    same = segments[:, :, None] == segments[:, None, :]
    shared = (segments == 0)[:, None, :] & (segments >= 0)[:, :, None]
    length = segments.shape[1]
    return ((same | shared) & torch.ones(length, length, dtype=torch.bool).tril())[:, None]
