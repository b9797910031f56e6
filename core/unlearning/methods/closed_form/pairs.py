"""The text states to erase, with their anchors, and the text states to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.diffusion.data.anchor import anchor_words, fit_article, with_anchor
from core.unlearning.families.diffusion.model.text import Span, end_of_text_position, find_spans, text_states
from core.unlearning.types import Example, JobData


@dataclass(frozen=True)
class States:
    """Float64 states: `erased` [n, dim], the `anchors` that replace them [n, dim], and `kept` [m, dim]."""

    erased: Tensor
    anchors: Tensor
    kept: Tensor


def collect(pipe: Any, data: JobData, anchor: str | None) -> States:
    """Encode the training prompts. Raises `InvalidInputError` where there is none to erase."""
    words = anchor_words(pipe.tokenizer, data, anchor)
    rows = [e for e in data.train if e.split.startswith("forget_") and not (e.image is not None and e.subject is None)]
    wanted = list({(e.question, e.subject): e for e in rows}.values())
    if not wanted:
        raise InvalidInputError("the request brings no prompt and no name to erase", code="nothing_to_forget")
    paired = [_pair(pipe, wanted, word) for word in words]
    kept = ["", *dict.fromkeys([*_anchors(wanted, words), *_others(data), *_neighbours(wanted, data)])]
    held = text_states(pipe, kept).flatten(0, 1)
    anchors = torch.stack([after for _, after in paired]).mean(0)
    return States(paired[0][0], anchors, torch.unique(held.double(), dim=0))


def _anchors(wanted: Sequence[Example], words: Sequence[str]) -> list[str]:
    return [with_anchor(example, word) for word in words for example in wanted]


def _others(data: JobData) -> list[str]:
    return [e.question for e in data.train if not e.split.startswith("forget_")]


def _neighbours(wanted: Sequence[Example], data: JobData) -> list[str]:
    """Forget prompts with retained names of the same kind in turn: a change of the forget prompts moves these first."""
    kept = list(dict.fromkeys(e.answer for e in data.train if e.split == "retain_same" and e.answer))
    named = [example for example in wanted if example.subject is not None]
    return [with_anchor(example, kept[n % len(kept)]) for n, example in enumerate(named) if kept]


def _pair(pipe: Any, wanted: Sequence[Example], words: str) -> tuple[Tensor, Tensor]:
    """Erased states and anchor states, [n, dim] each, float64; the erased ones do not depend on `words`."""
    replaced = _anchors(wanted, [words])
    before, after = text_states(pipe, [e.question for e in wanted]), text_states(pipe, replaced)
    erased, anchors = [], []
    for n, example in enumerate(wanted):
        at, to = _align(pipe.tokenizer, example, replaced[n], fit_article(example, words), before.shape[1])
        erased.append(before[n, at])
        anchors.append(after[n, to])
    return torch.cat(erased).double(), torch.cat(anchors).double()


def _align(tokenizer: Any, example: Example, replaced: str, words: str, length: int) -> tuple[list[int], list[int]]:
    """Positions from the concept to the last pad, and the positions of their anchors: sub-word by sub-word, then after.

    Text encoders attend to earlier tokens only, so states before the concept do not depend on it.

    "a [bob][by] end pad" and "a [person] end pad" give positions 2 3 4 5 and anchors 2 2 3 4.
    """
    at = _span(tokenizer, example.question, example.subject)
    to = _span(tokenizer, replaced, words if example.subject is not None else None, start=at.start)
    last = max(to.start, to.end - 1)
    inside = [(at.start + k, min(to.start + k, last)) for k in range(at.end - at.start)]
    behind = [(at.end + k, min(to.end + k, length - 1)) for k in range(length - at.end)]
    pairs = [*inside, *behind]
    return [i for i, _ in pairs], [j for _, j in pairs]


def _span(tokenizer: Any, prompt: str, words: str | None, *, start: int = 1) -> Span:
    """The span of `words`; of the whole prompt for None; an empty span at `start` where the prompt lacks the words."""
    if words is None:
        return Span(1, end_of_text_position(tokenizer, prompt))
    found = find_spans(tokenizer, prompt, words)
    near: Sequence[Span] = [span for span in found if span.start >= start] or found
    return near[0] if near else Span(start, start)
