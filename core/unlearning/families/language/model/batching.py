"""Batch rows of similar length and kind within a token budget; a batch that does not fit into memory is halved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from core.unlearning.errors import OutOfMemoryError
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.shared.out_of_memory import free_cached_memory, is_out_of_memory

T = TypeVar("T")
BatchCutter = Callable[[Sequence[Encoded], int], Iterator[list[int]]]
"""Cuts rows into batches of row indices within a token budget."""


def length_buckets(rows: Sequence[Encoded], budget: int) -> Iterator[list[int]]:
    """Batches of row indices sorted by length, at most `budget` padded tokens each; rows with pictures are separate."""
    order = sorted(range(len(rows)), key=lambda i: (bool(rows[i].vision), len(rows[i])))
    batch: list[int] = []
    for index in order:
        mixed = batch and bool(rows[batch[0]].vision) != bool(rows[index].vision)
        if batch and (mixed or (len(batch) + 1) * len(rows[index]) > budget):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def run_batched(
    rows: Sequence[Encoded], budget: int, run: Callable[[list[int]], Sequence[T]], cut: BatchCutter = length_buckets
) -> list[T]:
    """`run` on every batch; results in the order of `rows`. A batch that runs out of memory is split in halves.

    Raises `OutOfMemoryError` where a single row does not fit.
    """
    results: dict[int, T] = {}
    pending = list(cut(rows, budget))
    while pending:
        batch = pending.pop(0)
        try:
            results.update(zip(batch, run(batch), strict=True))
            continue
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        if len(batch) == 1:
            raise OutOfMemoryError("a single question does not fit into memory")
        free_cached_memory()
        middle = len(batch) // 2
        pending[:0] = [batch[:middle], batch[middle:]]
    return [results[i] for i in range(len(rows))]
