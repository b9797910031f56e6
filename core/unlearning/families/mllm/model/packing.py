"""Rows that begin alike in one sequence, where what they share is computed once.

A row is a path from the root of a tree of tokens: its picture, a question about it, an answer to that. In a 4-D
attention mask each token sees its own path only, and its position is how deep it lies, so that every row is computed
as if it stood alone. Trees are laid end to end, so that sequences are about equally long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapreplace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.unlearning.families.mllm.model.batch import Batch, placed
from core.unlearning.families.mllm.model.encoded import Encoded

LONGEST = 4096
"""Tokens of a tree, which keeps masks small."""
_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.35)
"""Of the number of sequences that are as long as the longest tree: numbers that are tried."""
_ANSWERS = 0.125
"""Share of a budget of tokens that may be answers, each of which has logits over the whole vocabulary."""
Indices = npt.NDArray[np.int64]


@dataclass
class Tree:
    """Rows of one picture, or of none, that begin alike. `paths` say where each one's tokens are in the sequence.

    The first `shared` of a path were there before its row came.
    """

    length: int = 0
    rows: list[int] = field(default_factory=list)
    paths: list[Indices] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)

    def add(self, row: int, length: int, shared: int = 0) -> None:
        """A row which begins as the one that was added last, for `shared` tokens."""
        new = np.arange(self.length, self.length + length - shared)
        self.paths.append(np.concatenate([self.paths[-1][:shared], new]) if shared else new)
        self.rows.append(row)
        self.shared.append(shared)
        self.length += len(new)


@dataclass(frozen=True)
class Cost:
    """When to begin another tree. `image_id`: the token that stands for a part of a picture."""

    image_id: int | None
    pairs: int
    """Tokens that see each other cost as much as one token in the linear layers, by this many pairs."""

    def shared(self, one: Encoded, other: Encoded) -> int:
        """Tokens with which both begin: none about another picture, and of a picture all or none."""
        if one.vision and (one.vision.digest != other.vision.digest or self.image_id is None):
            return 0
        length = min(len(one.ids), len(other.ids))
        differ = one.ids[:length] != other.ids[:length]
        same = int(differ.argmax()) if differ.any() else length
        parted = one.vision and (other.ids[same:] == self.image_id).any()
        return 0 if parted else same

    def pays(self, tree: int, new: int, whole: int) -> bool:
        """Whether `new` tokens more in a tree of so many cost less than the `whole` row on its own."""
        grown = new + ((tree + new) ** 2 - tree**2) / self.pairs
        return tree + new <= LONGEST and grown <= whole + whole**2 / self.pairs


def in_order(rows: Sequence[Encoded]) -> list[int]:
    """Rows without pictures, then picture by picture; those that begin alike next to each other."""
    return sorted(range(len(rows)), key=lambda n: (rows[n].vision.digest, rows[n].sortable))


def batches(rows: Sequence[Encoded], budget: int, cost: Cost) -> Iterator[list[int]]:
    """Indices in batches of about `budget` tokens at most, pictures and plain text apart."""
    batch: list[int] = []
    size = answers = 0
    for n in in_order(rows):
        row = rows[n]
        told = len(row) - row.answer_start
        new = len(row) - (cost.shared(rows[batch[-1]], row) if batch else 0)
        mixed = batch and bool(rows[batch[-1]].vision) != bool(row.vision)
        if batch and (mixed or size + new > budget or answers + told > _ANSWERS * budget):
            yield batch
            batch, size, answers, new = [], 0, 0, len(row)
        batch.append(n)
        size, answers = size + new, answers + told
    if batch:
        yield batch


def grow(rows: Sequence[Encoded], cost: Cost) -> list[Tree]:
    """Trees that hold every row once."""
    trees: list[Tree] = []
    before: Encoded | None = None
    for n in in_order(rows):
        row = rows[n]
        shared = cost.shared(before, row) if before else 0
        if not shared or not cost.pays(trees[-1].length, len(row) - shared, len(row)):
            trees.append(Tree())
            shared = 0
        trees[-1].add(n, len(row), shared)
        before = row
    return trees


def laid(trees: Sequence[Tree], cost: Cost) -> list[list[Tree]]:
    """The trees end to end in sequences, in as many as cost least.

    Many are short and padded to the longest tree; in few long ones more tokens see each other.
    """
    total, longest = sum(tree.length for tree in trees), max(tree.length for tree in trees)
    most = -(-total // longest)
    least = -(-total // max(longest, LONGEST))
    counts = {most + 1, most + 2, *(max(least, round(most * share)) for share in _SHARES)}
    tried = [_balanced(trees, min(count, len(trees))) for count in sorted(counts)]
    return min(tried, key=lambda sequences: _expense(sequences, cost))


def _balanced(trees: Sequence[Tree], count: int) -> list[list[Tree]]:
    """Longest first, each into the sequence that is shortest so far."""
    sequences: list[list[Tree]] = [[] for _ in range(count)]
    lengths = [(0, n) for n in range(count)]
    for tree in sorted(trees, key=lambda tree: -tree.length):
        length, n = lengths[0]
        sequences[n].append(tree)
        heapreplace(lengths, (length + tree.length, n))
    return sequences


def _expense(sequences: Sequence[Sequence[Tree]], cost: Cost) -> float:
    """In tokens of the linear layers."""
    width = _width(sequences)
    return len(sequences) * width * (1 + width / cost.pairs)


def _width(sequences: Sequence[Sequence[Tree]]) -> int:
    return max(sum(tree.length for tree in sequence) for sequence in sequences)


def pack(rows: Sequence[Encoded], sequences: Sequence[Sequence[Tree]], pad_id: int, device: torch.device) -> Batch:
    """Rows that were laid into sequences, as a batch without pixels."""
    names = sorted({name for row in rows for name in row.tokens})
    sheet = _Sheet(len(sequences), _width(sequences), max(map(len, rows)), pad_id, names)
    at, columns = [0] * len(rows), [np.zeros(0, dtype=np.int64)] * len(rows)
    for s, sequence in enumerate(sequences):
        start = 0
        for tree in sequence:
            for n, path, shared in zip(tree.rows, tree.paths, tree.shared, strict=True):
                sheet.write(s, path + start, rows[n], shared)
                at[n], columns[n] = s, (path + start)[rows[n].answer_start - 1 : -1]
            start += tree.length
    shown = [rows[tree.rows[0]].vision for sequence in sequences for tree in sequence]
    return placed(sheet.inputs(), rows, at, list(map(torch.from_numpy, columns)), [p for p in shown if p], device)


class _Sheet:
    """The inputs of a batch while rows of at most `longest` tokens are written into it."""

    def __init__(self, count: int, width: int, longest: int, pad_id: int, names: Sequence[str]) -> None:
        self._tokens = {name: np.zeros((count, width), dtype=np.int64) for name in ("position_ids", *names)}
        self._tokens["input_ids"] = np.full((count, width), pad_id, dtype=np.int64)
        self._mask = np.full((count, width, width), -np.inf, dtype=np.float32)
        # What is padding sees itself: a softmax over nothing is not a number.
        self._mask[:, np.arange(width), np.arange(width)] = 0.0
        self._later = np.triu(np.full((longest, longest), -np.inf, dtype=np.float32), 1)

    def write(self, sequence: int, path: Indices, row: Encoded, shared: int) -> None:
        """A row along its path, the first `shared` tokens of which are there already."""
        if shared == len(path):
            return
        start, end = int(path[shared]), int(path[-1]) + 1
        self._tokens["input_ids"][sequence, start:end] = row.ids[shared:]
        self._tokens["position_ids"][sequence, start:end] = np.arange(shared, len(path))
        for name, values in row.tokens.items():
            self._tokens[name][sequence, start:end] = values[shared:]
        seen = self._mask[sequence, start:end]
        if shared:
            seen[:, :start] = self._mask[sequence, path[shared - 1], :start]
        seen[:, start:end] = self._later[: end - start, : end - start]

    def inputs(self) -> dict[str, Tensor]:
        """As the model takes them."""
        tokens = {name: torch.from_numpy(array) for name, array in self._tokens.items()}
        return {**tokens, "attention_mask": torch.from_numpy(self._mask)[:, None]}
