"""Several names in one request: how much what is erased may weigh before what is next to it suffers.

What is erased is a mean over all names, so that each of many weighs little; how much more it may weigh depends on how
alike the names are to what is left of their kind.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from core.unlearning.families.diffusion.model.text import find_spans, text_states
from core.unlearning.methods.closed_form.pairs import States
from core.unlearning.methods.closed_form.solve import Weights, length, solve
from core.unlearning.types import JobData

_MOVED = 0.6
"""Neighbours may move this part of the way that erased states go, in the mean. Chosen on validation prompts."""
_FACTORS = tuple(1.25**n for n in range(13))
_BEHIND = 3
"""States behind a name that tell of it most."""


def neighbours(pipe: Any, data: JobData) -> Tensor | None:
    """The states [n, dim], float64, of kept names of the kind in held-out prompts; None where there are none."""
    rows = [e for e in data.validation if e.split == "retain_same" and e.answer]
    states = text_states(pipe, [e.question for e in rows]) if rows else ()
    found = [
        of_prompt[span.start : span.end + _BEHIND]
        for e, of_prompt in zip(rows, states, strict=True)
        for span in find_spans(pipe.tokenizer, e.question, e.answer)
    ]
    return torch.cat(found).double() if found else None


def largest_weights(states: States, near: Tensor, weights: Weights, gram: Tensor) -> Weights:
    """The largest weight of what is erased, from the given one on, that leaves its neighbours where they are."""
    way = length(states.anchors - states.erased, gram).square().mean().sqrt()

    def spares(factor: float) -> bool:
        tried = replace(weights, erase=factor * weights.erase)
        moved = near @ solve(states.erased, states.anchors, states.kept, tried).dense().T
        return bool(length(moved, gram).square().mean().sqrt() <= _MOVED * way)

    *_, factor = (1.0, *takewhile(spares, _FACTORS))
    return replace(weights, erase=factor * weights.erase)
