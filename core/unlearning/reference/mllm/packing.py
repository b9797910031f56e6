"""Packs several questions about one picture into one sequence, each computed exactly as in a sequence of its own.

A 4-D attention mask lets a question attend to the picture and to itself only, and positions restart after the picture.
A picture of two tokens with the questions a b -> c and d -> e f packs to

    input_ids     <s> i  i  a  b  c </s> d  e  f </s>
    segments       0  0  0  1  1  1  1   2  2  2  2
    position_ids   0  1  2  3  4  5  6   3  4  5  6
    labels         -  -  -  -  -  c </s> -  e  f </s>
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from core.unlearning.reference.mllm.architecture import IMAGE_TOKENS
from core.unlearning.reference.mllm.questions import QA
from core.unlearning.reference.mllm.rows import TrainingRow

_LATER = 0.4
"""Weight of an answer's later tokens: the first one decides between answers, and whether to refuse."""


@dataclass(frozen=True)
class Batch:
    """`inputs` for the model; `labels` [B, L], -100 outside answers; `weights` [B, L], one an answer token."""

    inputs: dict[str, Tensor]
    labels: Tensor
    weights: Tensor


def pixels(images: Sequence[Image]) -> Tensor:
    """[N, 3, H, W] in -1..1: what the processor returns for pictures of its size."""
    array = np.stack([np.asarray(image, dtype=np.float32) for image in images])
    return torch.from_numpy(array).permute(0, 3, 1, 2).div_(127.5).sub_(1.0)


class _PackedRow:
    """One packed row as flat lists."""

    def __init__(self, prefix: list[int], parts: Sequence[tuple[list[int], list[int]]]) -> None:
        n = len(prefix)
        self.ids, self.segments, self.positions = list(prefix), [0] * n, list(range(n))
        self.labels, self.weights = [-100] * n, [0.0] * n
        for segment, (question, answer) in enumerate(parts, start=1):
            total = len(question) + len(answer)
            self.ids += question + answer
            self.segments += [segment] * total
            self.positions += range(n, n + total)
            self.labels += [-100] * len(question) + answer
            self.weights += [0.0] * len(question) + [1.0] + [_LATER] * (len(answer) - 1)


class Packer:
    """Turns rows into batches."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, image_token: int) -> None:
        self._tokenizer = tokenizer
        self._image = [image_token] * IMAGE_TOKENS
        self._bos, self._eos = [int(tokenizer.bos_token_id)], [int(tokenizer.eos_token_id)]
        self._pad = int(tokenizer.pad_token_id)

    def __call__(self, rows: Sequence[TrainingRow]) -> Batch:
        tokens = iter(self._tokenise([qa for row in rows for qa in row.questions]))
        layouts = [
            _PackedRow(self._bos + (self._image if row.image else []), [next(tokens) for _ in row.questions])
            for row in rows
        ]
        inputs = {
            "input_ids": torch.from_numpy(_padded([x.ids for x in layouts], self._pad)),
            "position_ids": torch.from_numpy(_padded([x.positions for x in layouts], 0)),
            "attention_mask": _mask(torch.from_numpy(_padded([x.segments for x in layouts], -1))),
        }
        images = [row.image for row in rows if row.image]
        if images:
            inputs["pixel_values"] = pixels(images)
        labels = torch.from_numpy(_padded([x.labels for x in layouts], -100))
        return Batch(inputs, labels, torch.from_numpy(_padded([x.weights for x in layouts], 0.0, np.float32)))

    def _tokenise(self, questions: list[QA]) -> list[tuple[list[int], list[int]]]:
        question_ids = self._tokenizer([f" USER: {qa.question} ASSISTANT:" for qa in questions])["input_ids"]
        answer_ids = self._tokenizer([f" {qa.answer}" for qa in questions])["input_ids"]
        return [(q, a + self._eos) for q, a in zip(question_ids, answer_ids, strict=True)]


def _padded(rows: Sequence[Sequence[float]], fill: float, dtype: npt.DTypeLike = np.int64) -> npt.NDArray[np.generic]:
    out = np.full((len(rows), max(map(len, rows))), fill, dtype=dtype)
    for at, row in enumerate(rows):
        out[at, : len(row)] = row
    return out


def _mask(segments: Tensor) -> Tensor:
    """[B, 1, L, L] boolean; segment 0 is the picture, -1 padding, which attends to itself so that no row is empty."""
    same = segments[:, :, None] == segments[:, None, :]
    picture = (segments == 0)[:, None, :] & (segments >= 0)[:, :, None]
    length = segments.shape[1]
    return ((same | picture) & torch.ones(length, length, dtype=torch.bool).tril())[:, None]
