"""Questions that were encoded before: a job asks the same ones of its model again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PIL.Image import Image

if TYPE_CHECKING:
    from core.unlearning.families.mllm.encode import Encoded

BYTES = 256 * 2**20
"""Of encoded pictures and tokens that are kept; the picture that was not used for longest goes first."""


@dataclass
class _Asked:
    """What was asked about a picture. The picture is kept too: while it lives, no other can have its identity."""

    image: Image | None
    prompts: dict[str, Encoded] = field(default_factory=dict)
    size: int = 0


class PromptCache:
    """By picture and question. A picture is known by its identity, so it must not be drawn upon."""

    def __init__(self, limit: int = BYTES) -> None:
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[int, _Asked] = OrderedDict()

    def get(self, question: str, image: Image | None, encode: Callable[[], Encoded]) -> Encoded:
        """What `encode` gives, or gave before."""
        asked = self._kept.setdefault(id(image), _Asked(image))
        self._kept.move_to_end(id(image))
        if question not in asked.prompts:
            made = asked.prompts[question] = encode()
            size = made.nbytes if not asked.size else made.nbytes - made.vision_nbytes
            asked.size += size
            self._size += size
            self._let_go()
        return asked.prompts[question]

    def first(self, image: Image) -> tuple[str, Encoded] | None:
        """What was asked about a picture before anything else."""
        asked = self._kept.get(id(image))
        return next(iter(asked.prompts.items()), None) if asked else None

    def _let_go(self) -> None:
        while self._size > self._limit and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._size -= oldest.size
