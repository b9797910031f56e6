"""Collate encoded rows into a batch of model inputs.

Per-token tensors are padded to the longest row; the pictures' tensors are joined along their first dimension
(zero-padded where pictures have different numbers of tiles, which the models mask by themselves). For example, rows
`[5 6 | 7 8]` and `[5 | 9]` (question | answer) padded on the right with 0 become

    input_ids  [[5 6 7 8], [5 9 0 0]]    attention_mask  [[1 1 1 1], [1 1 0 0]]
    targets [7 8 9]    rows [0 0 1]    sequences [0 0 1]    columns [1 2 0]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from core.unlearning.families.language.model.encoded import Encoded, Vision


@dataclass(frozen=True)
class Batch:
    """`inputs` are the model's keyword arguments.

    Of the n answer tokens, row after row: `targets` [n] are their ids, `rows` [n] the row of each, `sequences` [n] and
    `columns` [n] the position whose logits predict it. `pictures` are in the order of the sequences.
    """

    inputs: dict[str, Any]
    targets: Tensor
    rows: Tensor
    sequences: Tensor
    columns: Tensor
    pictures: Sequence[Vision]

    def with_pictures(self, *, pixels: bool = True) -> Batch:
        """With the pictures' tensors added to the inputs; without `pixels` only those that describe their sizes."""
        names = [n for n in (self.pictures[0] if self.pictures else ()) if pixels or not n.startswith("pixel_")]
        joined = {name: _join([p[name] for p in self.pictures]).to(self.targets.device) for name in names}
        return replace(self, inputs={**self.inputs, **joined})


def collate(
    rows: Sequence[Encoded], pad_id: int, device: torch.device, *, side: Literal["left", "right"] = "right"
) -> Batch:
    """Pad and join, one row per sequence. Rows with and without pictures must be in separate batches."""
    return collate_tokens(rows, pad_id, device, side=side).with_pictures()


def collate_tokens(
    rows: Sequence[Encoded], pad_id: int, device: torch.device, *, side: Literal["left", "right"] = "right"
) -> Batch:
    """`collate` without the pictures' tensors."""
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
    return build_batch(inputs, rows, list(range(len(rows))), columns, [r.vision for r in rows if r.vision], device)


def build_batch(
    inputs: Mapping[str, Tensor],
    rows: Sequence[Encoded],
    sequences: Sequence[int],
    columns: Sequence[Tensor],
    pictures: Sequence[Vision],
    device: torch.device,
) -> Batch:
    """A batch whose row i is in sequence `sequences[i]`; the logits at `columns[i]` predict its answer tokens."""
    counts = torch.tensor([len(positions) for positions in columns])
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
