from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.errors import StoppedError
from core.unlearning.families.mllm.model.answer_cache import Kind, Memory, T, _key
from core.unlearning.families.mllm.model.batching import Cut, buckets, run_batched
from core.unlearning.families.mllm.model.encoded import Encoded
from core.unlearning.progress import Progress

if TYPE_CHECKING:
    from core.unlearning.families.mllm.model.model import MultimodalLM


def asked(
    lm: MultimodalLM,
    kind: Kind[T],
    rows: Sequence[Encoded],
    budget: int,
    run: Callable[[list[int]], Sequence[T]],
    cut: Cut = buckets,
) -> list[T]:
    """`run_batched`, but what `lm.memory` knows is not asked again."""
    memory = lm.memory
    if memory is None:
        return run_batched(rows, budget, run, cut)
    keys = [_key(kind.name, row) for row in rows]
    new = list({key: n for n, key in enumerate(keys) if key not in memory}.values())

    def noted(batch: list[int]) -> Sequence[T]:
        chosen = [new[i] for i in batch]
        found = run(chosen)
        memory.add({keys[n]: kind.pack(answer) for n, answer in zip(chosen, found, strict=True)})
        return found

    run_batched([rows[n] for n in new], budget, noted, cut)
    return [kind.unpack(*memory[key]) for key in keys]


@contextmanager
def remembering(
    lm: MultimodalLM, checkpoints: Checkpoints, progress: Progress, part: str, *, large: bool = False
) -> Iterator[None]:
    """Inside, the model is frozen: what it says is noted, and kept under the name `part` when the block is left.

    `large`: kept only when it is time, since writing it may cost a short job more than asking again.
    """
    lm.memory = memory = Memory(checkpoints, progress, part)
    try:
        yield
        if not large or checkpoints.due():
            memory.keep()
    except StoppedError:
        if checkpoints.due():
            memory.keep()
        raise
    finally:
        lm.memory = None
