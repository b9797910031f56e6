"""One encoded example: tokens, the start of the answer, and the picture's tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class Vision(dict[str, Tensor]):
    """The tensors of one picture by name; empty where there is no picture."""

    @cached_property
    def digest(self) -> str:
        """Digest of the content; "" for no picture."""
        return digest(self) if self else ""


@dataclass(frozen=True)
class Encoded:
    """One example. `input_ids` [t]; those from `answer_start` on are the answer with the end of the turn.

    `tokens`: further per-token tensors [t] by name.
    """

    input_ids: Tensor
    answer_start: int
    tokens: dict[str, Tensor]
    vision: Vision

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def ids(self) -> npt.NDArray[np.int64]:
        """`input_ids` as an array, for comparing many rows."""
        ids: npt.NDArray[np.int64] = self.input_ids.numpy()
        return ids

    @cached_property
    def sortable(self) -> bytes:
        """A sort key under which rows with a common prefix are adjacent."""
        return self.ids.astype(">i8").tobytes()

    @property
    def vision_nbytes(self) -> int:
        """Bytes of the picture's tensors, shared by all questions about it."""
        return sum(t.nbytes for t in self.vision.values())

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(t.nbytes for t in (self.input_ids, *self.tokens.values())) + self.vision_nbytes


def digest(tensors: Mapping[str, Tensor], *more: str) -> str:
    """Digest of the names, shapes and contents of CPU tensors, and of further strings."""
    hashed = hashlib.blake2b(" ".join(more).encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        hashed.update(f" {name} {tuple(tensor.shape)} {tensor.dtype} ".encode())
        hashed.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return hashed.hexdigest()
