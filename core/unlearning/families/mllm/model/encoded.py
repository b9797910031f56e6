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
    """One picture as the model's tensors; none where there is no picture."""

    @cached_property
    def digest(self) -> str:
        """Of its content; "" for no picture."""
        return digest(self) if self else ""


@dataclass(frozen=True)
class Encoded:
    """One example. Tokens from `answer_start` on are the answer, up to and with the end of the turn."""

    input_ids: Tensor
    answer_start: int
    tokens: dict[str, Tensor]
    vision: Vision

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def ids(self) -> npt.NDArray[np.int64]:
        """The tokens, for what compares many rows."""
        found: npt.NDArray[np.int64] = self.input_ids.numpy()
        return found

    @cached_property
    def sortable(self) -> bytes:
        """Rows that begin alike sort next to each other by it."""
        return self.ids.astype(">i8").tobytes()

    @property
    def vision_nbytes(self) -> int:
        """Bytes of the picture's tensors, which all questions about it share."""
        return sum(t.nbytes for t in self.vision.values())

    @property
    def nbytes(self) -> int:
        """Bytes of all its tensors."""
        return sum(t.nbytes for t in (self.input_ids, *self.tokens.values())) + self.vision_nbytes


def digest(tensors: Mapping[str, Tensor], *more: str) -> str:
    """Of names, shapes and contents of tensors on the CPU, and of what else is given."""
    found = hashlib.blake2b(" ".join(more).encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        found.update(f" {name} {tuple(tensor.shape)} {tensor.dtype} ".encode())
        found.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
