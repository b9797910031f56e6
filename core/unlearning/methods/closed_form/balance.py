"""The weight of the erased states in requests with several names.

The erased term is a mean over all names, so that each of many counts little. How much its weight can grow depends on
how similar the names are to retained names of their kind.
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
"""Largest mean shift of neighbours, as a part of the mean shift of erased states. Chosen on validation prompts."""
_FACTORS = tuple(1.25**n for n in range(13))
_FOLLOWING = 3
"""States after a name that depend on it most."""


def neighbours(pipe: Any, data: JobData) -> Tensor | None:
    """States [n, dim], float64, of retained names of the same kind in validation prompts; None if there are none."""
    rows = [e for e in data.validation if e.split == "retain_same" and e.answer]
    states = text_states(pipe, [e.question for e in rows]) if rows else ()
    found = [
        of_prompt[span.start : span.end + _FOLLOWING]
        for e, of_prompt in zip(rows, states, strict=True)
        for span in find_spans(pipe.tokenizer, e.question, e.answer)
    ]
    return torch.cat(found).double() if found else None


def largest_weights(states: States, near: Tensor, weights: Weights, gram: Tensor) -> Weights:
    """The weights with the largest erase weight that moves the neighbours `near` by less than the limit."""
    way = length(states.anchors - states.erased, gram).square().mean().sqrt()

    def spares(factor: float) -> bool:
        tried = replace(weights, erase=factor * weights.erase)
        moved = near @ solve(states.erased, states.anchors, states.kept, tried).dense().T
        return bool(length(moved, gram).square().mean().sqrt() <= _MOVED * way)

    *_, factor = (1.0, *takewhile(spares, _FACTORS))
    return replace(weights, erase=factor * weights.erase)
