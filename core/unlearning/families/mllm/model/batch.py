"""Encoded rows side by side, as a model takes them.

What is as long as the token sequence is padded with it; the pictures' tensors are joined along their first dimension
(zero-padded where pictures were split into different numbers of tiles, which the models mask by themselves).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from core.unlearning.families.mllm.model.encoded import Encoded, Vision


@dataclass(frozen=True)
class Batch:
    """`inputs` go to the model as they are.

    Of the n answer tokens, row after row: `targets` [n] are they, `rows` [n] says whose, `sequences` [n] and `columns`
    [n] where the model foretells them. `pictures` come in the order in which the sequences show them.
    """

    inputs: dict[str, Any]
    targets: Tensor
    rows: Tensor
    sequences: Tensor
    columns: Tensor
    pictures: Sequence[Vision]

    def with_pictures(self, *, pixels: bool = True) -> Batch:
        """With the tensors of its pictures among the inputs, or with those alone that tell their sizes."""
        names = [n for n in (self.pictures[0] if self.pictures else ()) if pixels or not n.startswith("pixel_")]
        joined = {name: _join([p[name] for p in self.pictures]).to(self.targets.device) for name in names}
        return replace(self, inputs={**self.inputs, **joined})


def collate(
    rows: Sequence[Encoded], pad_id: int, device: torch.device, *, side: Literal["left", "right"] = "right"
) -> Batch:
    """Pad and join, a row a sequence. Rows with pictures and rows without must come in batches of their own."""
    return arrange(rows, pad_id, device, side=side).with_pictures()


def arrange(
    rows: Sequence[Encoded], pad_id: int, device: torch.device, *, side: Literal["left", "right"] = "right"
) -> Batch:
    """`collate`, but for the pictures' tensors."""
    width = max(len(row) for row in rows)
    starts = [width - len(row) if side == "left" else 0 for row in rows]

    def padded(row: Tensor, value: int) -> Tensor:
        gap = width - len(row)
        return pad(row, (gap, 0) if side == "left" else (0, gap), value=value)

    inputs = {
        "input_ids": torch.stack([padded(row.input_ids, pad_id) for row in rows]),
        "attention_mask": torch.stack([padded(torch.ones_like(row.input_ids), 0) for row in rows]),
    }
    for name in rows[0].tokens:
        inputs[name] = torch.stack([padded(row.tokens[name], 0) for row in rows])
    columns = [start + torch.arange(row.answer_start, len(row)) - 1 for start, row in zip(starts, rows, strict=True)]
    return placed(inputs, rows, list(range(len(rows))), columns, [r.vision for r in rows if r.vision], device)


def placed(
    inputs: Mapping[str, Tensor],
    rows: Sequence[Encoded],
    sequences: Sequence[int],
    columns: Sequence[Tensor],
    pictures: Sequence[Vision],
    device: torch.device,
) -> Batch:
    """A batch whose rows are in `sequences`, the tokens of their answers foretold at `columns`."""
    counts = torch.tensor([len(found) for found in columns])
    return Batch(
        {k: v.to(device) for k, v in inputs.items()},
        torch.from_numpy(np.concatenate([row.ids[row.answer_start :] for row in rows])).to(device),
        torch.arange(len(rows)).repeat_interleave(counts).to(device),
        torch.tensor(sequences).repeat_interleave(counts).to(device),
        torch.cat(list(columns)).to(device),
        pictures,
    )


def _join(parts: list[Tensor]) -> Tensor:
    shape = [max(sizes) for sizes in zip(*(p.shape[1:] for p in parts), strict=True)]
    return torch.cat([_grow(part, shape) for part in parts])


def _grow(part: Tensor, shape: list[int]) -> Tensor:
    gaps = [(0, want - have) for have, want in zip(part.shape[1:], shape, strict=True)]
    return pad(part, [side for gap in reversed(gaps) for side in gap]) if any(g for _, g in gaps) else part
