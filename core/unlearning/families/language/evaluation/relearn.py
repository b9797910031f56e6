"""Relearning: fine-tune on some of the forgotten facts, or on something else, and measure recall of the others.

A model that never learned the facts cannot recall those it is not taught, however many others it is taught.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.families.language.evaluation.metrics.exact import exact_recall, normalise
from core.unlearning.families.language.model.answerer import Answerer
from core.unlearning.families.language.model.target_modules import is_in_language_model, language_model_name
from core.unlearning.families.shared.restoring import restoring
from core.unlearning.progress import Progress, Silent
from core.unlearning.types import Example

Loss = Callable[[Sequence[Example]], Tensor]
"""The mean answer loss of some examples, with a gradient."""


@dataclass(frozen=True)
class RelearnSettings:
    """Steps of AdamW on the whole language model, with `batch` examples each."""

    steps: int = 20
    lr: float = 2e-4
    batch: int = 16
    seed: int = 0


RELEARN_SETTINGS = RelearnSettings()


@dataclass(frozen=True)
class Recovery:
    """Exact recall of the untaught facts before and after the others were taught. Counts are questions."""

    before: float
    after: float
    taught: int
    asked: int


def relearn_share(
    answerer: Answerer,
    model: Any,
    loss: Loss,
    forgotten: Sequence[Example],
    *,
    share: float = 0.3,
    teaching: RelearnSettings = RELEARN_SETTINGS,
    progress: Progress | None = None,
) -> Recovery:
    """Fine-tune on `share` of the forgotten facts and measure the others: see `relearn`.

    All wordings and pictures of one fact are on the same side of the cut. Raises `ValueError` when there are fewer
    than two facts.
    """
    taught, asked = split_facts(forgotten, share, teaching.seed)
    return relearn(answerer, model, loss, taught, asked, teaching, progress)


def relearn(
    answerer: Answerer,
    model: Any,
    loss: Loss,
    taught: Sequence[Example],
    asked: Sequence[Example],
    teaching: RelearnSettings,
    progress: Progress | None = None,
) -> Recovery:
    """Fine-tunes the language model on `taught`, asks for `asked` before and after, then restores it.

    `model` is the merged, patched model behind `answerer`.
    """
    parameters = _tuned(model)
    with restoring(model, parameters):
        before = _recall(answerer, asked)
        _train(loss, parameters, taught, teaching, progress or Silent())
        return Recovery(before, _recall(answerer, asked), len(taught), len(asked))


def split_facts(forgotten: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """(taught, asked). A fact is a subject with an answer, whatever the question's wording; refusals are no facts."""
    facts: dict[tuple[str | None, str], list[Example]] = {}
    for example in forgotten:
        if not is_refusal(example.answer):
            facts.setdefault((example.subject, normalise(example.answer)), []).append(example)
    if len(facts) < 2:
        raise ValueError("relearning needs at least two forgotten facts")
    order = sorted(facts, key=str)
    random.Random(seed).shuffle(order)  # noqa: S311
    cut = min(max(1, round(share * len(order))), len(order) - 1)
    return [e for fact in order[:cut] for e in facts[fact]], [e for fact in order[cut:] for e in facts[fact]]


def _recall(answerer: Answerer, asked: Sequence[Example]) -> float:
    outputs = answerer.generate(asked)
    return fmean(exact_recall(output, example.answer) for output, example in zip(outputs, asked, strict=True))


def _train(
    loss: Loss, parameters: Sequence[nn.Parameter], taught: Sequence[Example], how: RelearnSettings, progress: Progress
) -> None:
    optimiser = torch.optim.AdamW(parameters, lr=how.lr, weight_decay=0.0)
    draw = random.Random(how.seed)  # noqa: S311
    for _ in range(how.steps):
        optimiser.zero_grad(set_to_none=True)
        value = loss(draw.sample(list(taught), min(how.batch, len(taught))))
        torch.autograd.backward([value])
        optimiser.step()
        progress.step(loss=float(value.detach()))


def _tuned(model: Any) -> list[nn.Parameter]:
    """The language model's parameters."""
    prefix, embedding = language_model_name(model), model.get_input_embeddings().weight
    named = ((name, p) for name, p in model.named_parameters() if p.is_floating_point())
    return [p for name, p in named if p is embedding or is_in_language_model(name, prefix)]
