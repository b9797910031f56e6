"""Another question about a picture that was encoded before, without going through the picture again.

A processor puts a picture's tokens in the place of a mark in the prompt. What it put there once holds for every prompt
that is the same up to there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from core.unlearning.families.mllm.encode import Encoded


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
