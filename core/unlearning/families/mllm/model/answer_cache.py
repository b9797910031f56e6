"""What the frozen model has said, so that a job that is taken up again need not ask it twice.

Entries are found by what was asked, tokens and pixels, and not by when: a worker of another version that asks in
another order, or asks something else, gets right answers too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from torch import Tensor

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.families.mllm.model.encoded import Encoded, digest
from core.unlearning.progress import Progress
from core.unlearning.snapshot import Snapshot

if TYPE_CHECKING:
    pass

T = TypeVar("T")
_Packed = tuple[Any, tuple[Tensor, ...]]


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One way to ask. An answer is packed as a JSON value and tensors.

    The name says everything that an answer depends on beside the question.
    """

    name: str
    pack: Callable[[T], _Packed]
    unpack: Callable[[Any, Sequence[Tensor]], T]


class Memory:
    """Packed answers by key."""

    def __init__(self, checkpoints: Checkpoints, progress: Progress, part: str) -> None:
        self._checkpoints, self._progress, self._part = checkpoints, progress, part
        self._known: dict[str, _Packed] = dict(_read(checkpoints.load(part)))
        self._new = False

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __getitem__(self, key: str) -> _Packed:
        return self._known[key]

    def add(self, answers: dict[str, _Packed]) -> None:
        """Note answers."""
        self._known |= answers
        self._new = True
        if self._checkpoints.due():
            self.keep()
        self._progress.alive()

    def keep(self) -> None:
        """Put everything aside, if anything is new."""
        if not self._new:
            return
        self._new = False
        meta = {key: [value, len(tensors)] for key, (value, tensors) in self._known.items()}
        tensors = {f"{key}.{n}": t for key, (_, several) in self._known.items() for n, t in enumerate(several)}
        self._checkpoints.save(self._part, Snapshot(meta, tensors).pack())


def _read(data: bytes | None) -> Iterator[tuple[str, _Packed]]:
    kept = Snapshot.unpack(data) or Snapshot({})
    for key, (value, count) in kept.meta.items():
        yield key, (value, tuple(kept.tensors[f"{key}.{n}"] for n in range(count)))


def _key(kind: str, row: Encoded) -> str:
    return digest({"": row.input_ids, **row.tokens}, kind, str(row.answer_start), row.vision.digest)
