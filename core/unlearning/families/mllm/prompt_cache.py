"""Questions that were encoded before: a job asks the same ones of its model again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from PIL.Image import Image

if TYPE_CHECKING:
    from core.unlearning.families.mllm.encode import Encoded

BYTES = 256 * 2**20
"""Of encoded pictures and tokens that are kept; what was not used for longest goes first."""


class PromptCache:
    """By question and picture. A picture is known by its identity, so it must not be drawn upon."""

    def __init__(self, limit: int = BYTES) -> None:
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[tuple[str, int], tuple[Image | None, Encoded]] = OrderedDict()

    def get(self, question: str, image: Image | None, encode: Callable[[], Encoded]) -> Encoded:
        """What `encode` gives, or gave before."""
        key = (question, id(image))
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][1]
        made = encode()
        # The picture is kept too: while it lives, no other can have its identity.
        self._kept[key] = (image, made)
        self._size += made.nbytes
        while self._size > self._limit:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._size -= oldest.nbytes
        return made
