"""Put rows of like length and kind together, within a token budget that shrinks when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from core.unlearning.errors import OutOfMemoryError
from core.unlearning.families.mllm.model.encoded import Encoded
from core.unlearning.families.shared.out_of_memory import _free, is_out_of_memory

T = TypeVar("T")
Cut = Callable[[Sequence[Encoded], int], Iterator[list[int]]]
"""How rows are cut into batches, given by their indices, within a budget of tokens."""


def buckets(rows: Sequence[Encoded], budget: int) -> Iterator[list[int]]:
    """Indices in batches: pictures and plain text apart, sorted by length, at most `budget` padded tokens each."""
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
    rows: Sequence[Encoded], budget: int, run: Callable[[list[int]], Sequence[T]], cut: Cut = buckets
) -> list[T]:
    """`run` over all batches, results in the order of `rows`; a batch that does not fit is split in halves."""
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
        _free()
        middle = len(batch) // 2
        pending[:0] = [batch[:middle], batch[middle:]]
    return [results[i] for i in range(len(rows))]
