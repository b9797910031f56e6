"""A cache of the frozen model's answers, so that a resumed job does not compute them again.

The key is the question itself (tokens and pixels), not its order: a worker of another version that asks in another
order, or asks something else, gets correct answers too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.families.language.model.encoded import Encoded, digest
from core.unlearning.progress import Progress
from core.unlearning.snapshot import Snapshot

T = TypeVar("T")
_Packed = tuple[Any, tuple[Tensor, ...]]


@dataclass(frozen=True)
class AnswerKind(Generic[T]):
    """One kind of answer (a text, log-probabilities, a distribution), packed as a JSON value and tensors.

    `name` holds everything an answer depends on beside the question.
    """

    name: str
    pack: Callable[[T], _Packed]
    unpack: Callable[[Any, Sequence[Tensor]], T]


class AnswerCache:
    """Packed answers by key."""

    def __init__(self, checkpoints: Checkpoints, progress: Progress, part: str) -> None:
        self._checkpoints, self._progress, self._part = checkpoints, progress, part
        self._entries: dict[str, _Packed] = dict(_read(checkpoints.load(part)))
        self._changed = False

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __getitem__(self, key: str) -> _Packed:
        return self._entries[key]

    def add(self, answers: dict[str, _Packed]) -> None:
        """Add packed answers by key; saved at the next due checkpoint."""
        self._entries |= answers
        self._changed = True
        if self._checkpoints.due():
            self.save()
        self._progress.alive()

    def save(self) -> None:
        """Write the cache as a checkpoint if it has new entries."""
        if not self._changed:
            return
        self._changed = False
        meta = {key: [value, len(tensors)] for key, (value, tensors) in self._entries.items()}
        tensors = {f"{key}.{n}": t for key, (_, several) in self._entries.items() for n, t in enumerate(several)}
        self._checkpoints.save(self._part, Snapshot(meta, tensors).pack())


def _read(data: bytes | None) -> Iterator[tuple[str, _Packed]]:
    saved = Snapshot.unpack(data) or Snapshot({})
    for key, (value, count) in saved.meta.items():
        yield key, (value, tuple(saved.tensors[f"{key}.{n}"] for n in range(count)))


def answer_key(kind: str, row: Encoded) -> str:
    """The key of one question under one kind of answer."""
    return digest({"": row.input_ids, **row.tokens}, kind, str(row.answer_start), row.vision.digest)
