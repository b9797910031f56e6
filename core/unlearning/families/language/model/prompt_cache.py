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
    from core.unlearning.families.language.model.encoded import Encoded

MAX_BYTES = 256 * 2**20
"""The most bytes of encoded pictures and tokens in the cache; the least recently used picture is evicted first."""


@dataclass
class _PictureEntry:
    """The encoded questions about one picture. It holds the picture, so that no other object can get the same `id`."""

    image: Image | None
    prompts: dict[str, Encoded] = field(default_factory=dict)
    size: int = 0


class PromptCache:
    """Encoded prompts by picture and question. A picture is identified by `id`, so it must not be modified."""

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self._limit, self._size = limit, 0
        self._entries: OrderedDict[int, _PictureEntry] = OrderedDict()

    def get(self, question: str, image: Image | None, encode: Callable[[], Encoded]) -> Encoded:
        """The cached encoding, or what `encode` gives."""
        entry = self._entries.setdefault(id(image), _PictureEntry(image))
        self._entries.move_to_end(id(image))
        if question not in entry.prompts:
            made = entry.prompts[question] = encode()
            size = made.nbytes if not entry.size else made.nbytes - made.vision_nbytes
            entry.size += size
            self._size += size
            self._evict()
        return entry.prompts[question]

    def first(self, image: Image) -> tuple[str, Encoded] | None:
        """The first question about a picture, with its encoding."""
        entry = self._entries.get(id(image))
        return next(iter(entry.prompts.items()), None) if entry else None

    def _evict(self) -> None:
        while self._size > self._limit and len(self._entries) > 1:
            _, oldest = self._entries.popitem(last=False)
            self._size -= oldest.size


def splice_question(known: Encoded, known_text: Sequence[int], text: Sequence[int]) -> Encoded | None:
    """`known` with another question; `known_text` and `text` are both prompts as plain tokens.

    None where the prompts differ before the end of the picture's placeholder.
    """
    ids = known.input_ids.tolist()
    mark_ends, block_ends = _block_ends(ids, known_text, text)
    if list(text[:mark_ends]) != list(known_text[:mark_ends]):
        return None
    whole = torch.tensor([*ids[:block_ends], *text[mark_ends:]], dtype=known.input_ids.dtype)
    tokens = {name: _stretch(row, block_ends, len(whole)) for name, row in known.tokens.items()}
    if any(row is None for row in tokens.values()):
        return None
    kept = {name: row for name, row in tokens.items() if row is not None}
    return replace(known, input_ids=whole, answer_start=len(whole), tokens=kept)


def same_encoding(one: Encoded, other: Encoded) -> bool:
    """Whether two encodings of a question agree; their picture is the same one."""
    rows = [{"input_ids": e.input_ids, **e.tokens} for e in (one, other)]
    return rows[0].keys() == rows[1].keys() and all(torch.equal(row, rows[1][name]) for name, row in rows[0].items())


def _block_ends(ids: Sequence[int], plain: Sequence[int], text: Sequence[int]) -> tuple[int, int]:
    """End of the picture's placeholder in the plain tokens, and end of its expansion in the processor's tokens."""
    if list(ids) == list(plain):
        # A picture of one token is the placeholder itself.
        end = _common_prefix(plain, text)
        return end, end
    before = _common_prefix(ids, plain)
    rest = _common_prefix(ids[before:][::-1], plain[before:][::-1])
    return len(plain) - rest, len(ids) - rest


def _stretch(row: Tensor, start: int, length: int) -> Tensor | None:
    """The row cut or extended to `length`; None unless all its values from `start` on are equal."""
    if not bool((row[start:] == row[-1]).all()):
        return None
    return torch.cat([row[:start], row[-1:].expand(length - start)])


def _common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
