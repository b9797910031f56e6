"""Encoded questions, kept because a job asks the same ones of its model again and again.

A processor expands an image placeholder in the prompt into picture tokens. The expansion is the same for every prompt
about that picture, so another question about it is encoded without running the processor on the picture again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING

import torch
from PIL.Image import Image
from torch import Tensor

if TYPE_CHECKING:
    from core.unlearning.families.mllm.model.encoded import Encoded

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


def spliced(known: Encoded, known_text: Sequence[int], text: Sequence[int]) -> Encoded | None:
    """`known` with another text, both as plain tokens; None where they differ before the picture's place ends."""
    ids = known.input_ids.tolist()
    mark_ends, block_ends = _ends(ids, known_text, text)
    if list(text[:mark_ends]) != list(known_text[:mark_ends]):
        return None
    whole = torch.tensor([*ids[:block_ends], *text[mark_ends:]], dtype=known.input_ids.dtype)
    tokens = {name: _stretched(row, block_ends, len(whole)) for name, row in known.tokens.items()}
    if any(row is None for row in tokens.values()):
        return None
    found = {name: row for name, row in tokens.items() if row is not None}
    return replace(known, input_ids=whole, answer_start=len(whole), tokens=found)


def same(one: Encoded, other: Encoded) -> bool:
    """Whether two encodings of a question agree; their picture is the same one."""
    rows = [{"input_ids": e.input_ids, **e.tokens} for e in (one, other)]
    return rows[0].keys() == rows[1].keys() and all(torch.equal(row, rows[1][name]) for name, row in rows[0].items())


def _ends(ids: Sequence[int], plain: Sequence[int], text: Sequence[int]) -> tuple[int, int]:
    """Where the picture's mark ends among plain tokens, and its tokens among those that the processor made of them."""
    if list(ids) == list(plain):
        # A picture of one token looks like its mark.
        end = _common(plain, text)
        return end, end
    before = _common(ids, plain)
    rest = _common(ids[before:][::-1], plain[before:][::-1])
    return len(plain) - rest, len(ids) - rest


def _stretched(row: Tensor, start: int, length: int) -> Tensor | None:
    """What a row says of text, which it must say of all text after `start`, up to another length."""
    if not bool((row[start:] == row[-1]).all()):
        return None
    return torch.cat([row[:start], row[-1:].expand(length - start)])


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
