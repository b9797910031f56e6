"""Ask a frozen model through its answer cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.errors import StoppedError
from core.unlearning.families.language.model.answer_cache import AnswerCache, AnswerKind, T, answer_key
from core.unlearning.families.language.model.batching import BatchCutter, length_buckets, run_batched
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.progress import Progress

if TYPE_CHECKING:
    from core.unlearning.families.language.model.model import LanguageModel


def run_cached(
    lm: LanguageModel,
    kind: AnswerKind[T],
    rows: Sequence[Encoded],
    budget: int,
    run: Callable[[list[int]], Sequence[T]],
    cut: BatchCutter = length_buckets,
) -> list[T]:
    """`run_batched`, but what `lm.answer_cache` knows is not asked again."""
    cache = lm.answer_cache
    if cache is None:
        return run_batched(rows, budget, run, cut)
    keys = [answer_key(kind.name, row) for row in rows]
    missing = list({key: n for n, key in enumerate(keys) if key not in cache}.values())

    def run_and_store(batch: list[int]) -> Sequence[T]:
        chosen = [missing[i] for i in batch]
        answers = run(chosen)
        cache.add({keys[n]: kind.pack(answer) for n, answer in zip(chosen, answers, strict=True)})
        return answers

    run_batched([rows[n] for n in missing], budget, run_and_store, cut)
    return [kind.unpack(*cache[key]) for key in keys]


@contextmanager
def caching_answers(
    lm: LanguageModel, checkpoints: Checkpoints, progress: Progress, part: str, *, large: bool = False
) -> Iterator[None]:
    """Inside the block the model is frozen: its answers are cached, and saved as checkpoint `part` when the block ends.

    `large`: saved only when a checkpoint is due, since writing may cost a short job more than asking again.
    """
    lm.answer_cache = cache = AnswerCache(checkpoints, progress, part)
    try:
        yield
        if not large or checkpoints.due():
            cache.save()
    except StoppedError:
        if checkpoints.due():
            cache.save()
        raise
    finally:
        lm.answer_cache = None
