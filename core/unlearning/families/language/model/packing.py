"""Pack rows with a common prefix into one sequence, so that the prefix is computed once.

A row is a path from the root of a tree of tokens: its picture, a question about it, an answer. In a 4-D attention mask
each token attends to its own path only, and its position id is its depth, so that every row is computed as if it stood
alone. Trees are laid end to end in sequences of about equal length. For example, three rows about one picture `P`

    P Q1 A1    P Q1 A2    P Q2 A3

become one tree, and one sequence of 6 tokens in place of three of 3:

    token      P  Q1 A1 A2 Q2 A3
    position   0  1  2  2  1  2
    attends to P  P  P  P  P  P
                  Q1 Q1 Q1 Q2 Q2
                     A1 A2    A3
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapreplace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.unlearning.families.language.model.batch import Batch, build_batch
from core.unlearning.families.language.model.encoded import Encoded

MAX_TREE_TOKENS = 4096
"""The most tokens of a tree, so that attention masks stay small."""
_TRIED_SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.35)
"""Numbers of sequences to try, as shares of the number that would all be as long as the longest tree."""
_ANSWER_SHARE = 0.125
"""Share of a token budget that may be answer tokens, each of which has logits over the whole vocabulary."""
Indices = npt.NDArray[np.int64]


@dataclass
class PrefixTree:
    """Rows of one picture, or of none, with a common prefix. `paths` [n tokens] are positions in the sequence, per row.

    The first `shared` tokens of a path belong to an earlier row too.
    """

    length: int = 0
    rows: list[int] = field(default_factory=list)
    paths: list[Indices] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)

    def add(self, row: int, length: int, shared: int = 0) -> None:
        """Add a row whose first `shared` tokens are those of the row added last."""
        new = np.arange(self.length, self.length + length - shared)
        self.paths.append(np.concatenate([self.paths[-1][:shared], new]) if shared else new)
        self.rows.append(row)
        self.shared.append(shared)
        self.length += len(new)


@dataclass(frozen=True)
class PackingCost:
    """The cost model that decides when to start another tree. `image_id`: the placeholder token of picture features."""

    image_id: int | None
    pairs: int
    """So many pairs of tokens in attention cost as much as one token in the linear layers."""

    def shared_prefix(self, one: Encoded, other: Encoded) -> int:
        """Tokens of the common prefix: 0 for different pictures; a picture is shared whole or not at all."""
        if one.vision and (one.vision.digest != other.vision.digest or self.image_id is None):
            return 0
        length = min(len(one.ids), len(other.ids))
        differ = one.ids[:length] != other.ids[:length]
        common = int(differ.argmax()) if differ.any() else length
        splits_picture = one.vision and (other.ids[common:] == self.image_id).any()
        return 0 if splits_picture else common

    def worth_sharing(self, tree: int, new: int, whole: int) -> bool:
        """Whether adding `new` tokens to a tree of `tree` tokens costs less than a separate row of `whole` tokens."""
        added = new + ((tree + new) ** 2 - tree**2) / self.pairs
        return tree + new <= MAX_TREE_TOKENS and added <= whole + whole**2 / self.pairs


def sort_rows(rows: Sequence[Encoded]) -> list[int]:
    """Row indices: those without pictures, then picture by picture; rows with a common prefix are adjacent."""
    return sorted(range(len(rows)), key=lambda n: (rows[n].vision.digest, rows[n].sortable))


def cut_batches(rows: Sequence[Encoded], budget: int, cost: PackingCost) -> Iterator[list[int]]:
    """Row indices in batches of at most about `budget` tokens; rows with and without pictures are kept apart."""
    batch: list[int] = []
    size = answers = 0
    for n in sort_rows(rows):
        row = rows[n]
        answer = len(row) - row.answer_start
        new = len(row) - (cost.shared_prefix(rows[batch[-1]], row) if batch else 0)
        mixed = batch and bool(rows[batch[-1]].vision) != bool(row.vision)
        if batch and (mixed or size + new > budget or answers + answer > _ANSWER_SHARE * budget):
            yield batch
            batch, size, answers, new = [], 0, 0, len(row)
        batch.append(n)
        size, answers = size + new, answers + answer
    if batch:
        yield batch


def build_trees(rows: Sequence[Encoded], cost: PackingCost) -> list[PrefixTree]:
    """Put every row into one tree."""
    trees: list[PrefixTree] = []
    previous: Encoded | None = None
    for n in sort_rows(rows):
        row = rows[n]
        shared = cost.shared_prefix(previous, row) if previous else 0
        if not shared or not cost.worth_sharing(trees[-1].length, len(row) - shared, len(row)):
            trees.append(PrefixTree())
            shared = 0
        trees[-1].add(n, len(row), shared)
        previous = row
    return trees


def lay_out(trees: Sequence[PrefixTree], cost: PackingCost) -> list[list[PrefixTree]]:
    """Lay trees end to end in sequences; the number of sequences is the one that costs least.

    Many sequences are short and padded to the longest tree; few long ones have larger attention matrices.
    """
    total, longest = sum(tree.length for tree in trees), max(tree.length for tree in trees)
    most = -(-total // longest)
    least = -(-total // max(longest, MAX_TREE_TOKENS))
    counts = {most + 1, most + 2, *(max(least, round(most * share)) for share in _TRIED_SHARES)}
    tried = [_balanced(trees, min(count, len(trees))) for count in sorted(counts)]
    return min(tried, key=lambda sequences: _total_cost(sequences, cost))


def _balanced(trees: Sequence[PrefixTree], count: int) -> list[list[PrefixTree]]:
    """Longest tree first, each into the sequence that is shortest so far."""
    sequences: list[list[PrefixTree]] = [[] for _ in range(count)]
    lengths = [(0, n) for n in range(count)]
    for tree in sorted(trees, key=lambda tree: -tree.length):
        length, n = lengths[0]
        sequences[n].append(tree)
        heapreplace(lengths, (length + tree.length, n))
    return sequences


def _total_cost(sequences: Sequence[Sequence[PrefixTree]], cost: PackingCost) -> float:
    """In tokens of the linear layers, padding included."""
    width = _max_length(sequences)
    return len(sequences) * width * (1 + width / cost.pairs)


def _max_length(sequences: Sequence[Sequence[PrefixTree]]) -> int:
    return max(sum(tree.length for tree in sequence) for sequence in sequences)


def pack(
    rows: Sequence[Encoded], sequences: Sequence[Sequence[PrefixTree]], pad_id: int, device: torch.device
) -> Batch:
    """The rows of `sequences` as a batch without pixels."""
    names = sorted({name for row in rows for name in row.tokens})
    packed = _PackedInputs(len(sequences), _max_length(sequences), max(map(len, rows)), pad_id, names)
    at, columns = [0] * len(rows), [np.zeros(0, dtype=np.int64)] * len(rows)
    for s, sequence in enumerate(sequences):
        start = 0
        for tree in sequence:
            for n, path, shared in zip(tree.rows, tree.paths, tree.shared, strict=True):
                packed.write(s, path + start, rows[n], shared)
                at[n], columns[n] = s, (path + start)[rows[n].answer_start - 1 : -1]
            start += tree.length
    pictures = [rows[tree.rows[0]].vision for sequence in sequences for tree in sequence]
    return build_batch(
        packed.inputs(), rows, at, list(map(torch.from_numpy, columns)), [p for p in pictures if p], device
    )


class _PackedInputs:
    """Model inputs [count, width] into which rows of at most `longest` tokens are written."""

    def __init__(self, count: int, width: int, longest: int, pad_id: int, names: Sequence[str]) -> None:
        self._tokens = {name: np.zeros((count, width), dtype=np.int64) for name in ("position_ids", *names)}
        self._tokens["input_ids"] = np.full((count, width), pad_id, dtype=np.int64)
        self._mask = np.full((count, width, width), -np.inf, dtype=np.float32)
        # Padding attends to itself: a softmax over an empty set is NaN.
        self._mask[:, np.arange(width), np.arange(width)] = 0.0
        self._causal = np.triu(np.full((longest, longest), -np.inf, dtype=np.float32), 1)

    def write(self, sequence: int, path: Indices, row: Encoded, shared: int) -> None:
        """Write a row along its path; its first `shared` tokens are there already."""
        if shared == len(path):
            return
        start, end = int(path[shared]), int(path[-1]) + 1
        self._tokens["input_ids"][sequence, start:end] = row.ids[shared:]
        self._tokens["position_ids"][sequence, start:end] = np.arange(shared, len(path))
        for name, values in row.tokens.items():
            self._tokens[name][sequence, start:end] = values[shared:]
        mask = self._mask[sequence, start:end]
        if shared:
            mask[:, :start] = self._mask[sequence, path[shared - 1], :start]
        mask[:, start:end] = self._causal[: end - start, : end - start]

    def inputs(self) -> dict[str, Tensor]:
        """As the model takes them."""
        tokens = {name: torch.from_numpy(array) for name, array in self._tokens.items()}
        return {**tokens, "attention_mask": torch.from_numpy(self._mask)[:, None]}
