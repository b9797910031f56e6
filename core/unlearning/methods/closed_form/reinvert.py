"""Requests of pictures without a name: search the edited model again for words that draw them, and erase these too."""

from __future__ import annotations

from collections.abc import Callable

import torch

from core.unlearning.families.diffusion.model.adapters import applying_factors
from core.unlearning.families.diffusion.model.lora_file import Factors
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.placeholder import with_placeholder
from core.unlearning.families.diffusion.training.invert_pictures import find_words, with_name
from core.unlearning.methods.closed_form.config import Options
from core.unlearning.methods.closed_form.pairs import States, collect
from core.unlearning.progress import Progress
from core.unlearning.types import JobData


def erase_found_words(
    model: DiffusionModel,
    data: JobData,
    states: States,
    changes: Callable[[States], Factors],
    options: Options,
    progress: Progress,
) -> tuple[States, list[float]]:
    """`states` extended by those of the words that each search finds, and the loss of each search.

    `changes` gives the edit for some states. Each search runs in the model with the edit of the states so far.
    """
    losses: list[float] = []
    for turn in range(options.searches):
        with applying_factors(model.pipe.unet, changes(states)):
            found = find_words(model, data, options.seed + 1 + turn, progress)
        losses.append(found.loss)
        with with_placeholder(model.pipe, found.vectors) as words:
            more = collect(model.pipe, with_name(data, words), options.anchor)
        states = States(torch.cat([states.erased, more.erased]), torch.cat([states.anchors, more.anchors]), states.kept)
    return states, losses
