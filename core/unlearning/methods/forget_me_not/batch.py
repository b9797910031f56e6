"""The rows of a step: noised pictures, what the denoiser is asked with, and what is wanted."""

from __future__ import annotations

import torch
from torch import Tensor

from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import NoisedLatents, add_noise
from core.unlearning.families.diffusion.model.text import EncodedPrompts, join_prompts, select_prompts
from core.unlearning.methods.forget_me_not.adversary import Adversaries
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.course import ForgetMeNotData
from core.unlearning.methods.forget_me_not.rows import StepRows, join_rows

_ELSEWHERE = 2
"""One of so many names is on another picture, against adversaries."""
_SEARCHING = 2
"""Rows for the adversaries' words, by the prompts to forget: as many as the step itself has with what is kept."""


def rows_of(
    model: DiffusionModel,
    course: ForgetMeNotData,
    picked: Tensor,
    against: Adversaries | None,
    options: Options,
    generator: torch.Generator,
) -> tuple[StepRows, Tensor]:
    """Rows, first those with the names of `picked`; and how much each place of these counts, as `Course.shares`."""
    rows, shares = _name_and_retain_rows(model, course, picked, against is not None, options, generator)
    if against is not None:
        rows = join_rows(rows, _adversary_rows(model, course, against, options, generator))
        if options.random_words:
            rows = join_rows(rows, _random_word_rows(model, course, against, options, generator))
    return rows, shares


def draw_indices(count: int, wanted: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Which of `count` are taken [wanted]."""
    return torch.randint(0, count, (wanted,), generator=generator).to(device)


def _name_and_retain_rows(
    model: DiffusionModel,
    course: ForgetMeNotData,
    picked: Tensor,
    attacked: bool,
    options: Options,
    generator: torch.Generator,
) -> tuple[StepRows, Tensor]:
    """Names on pictures of the entity, then as many rows of what is kept.

    Against adversaries half of the names are on other pictures: sampling passes by such once the entity is forgotten,
    and a LoRA that can tell what a picture shows might do anything there. Half of what is kept is on the picture that
    its prompt has drawn.
    """
    device, batch = model.device, options.batch
    keeping = batch if options.keep_weight else 0
    held = draw_indices(len(course.keep.states), keeping, generator, device)
    shown = draw_indices(len(course.clean), batch, generator, device)
    others = draw_indices(len(course.other), keeping, generator, device)
    clean, shares = course.clean[shown], course.shares[shown]
    beyond, more = torch.zeros(batch + keeping), 0.0
    if attacked:
        more = options.adversary_weight / 2
        held = torch.cat([course.prompts_of[others[: keeping // 2]], held[keeping // 2 :]])
        away = draw_indices(len(course.other), batch // _ELSEWHERE, generator, device)
        clean = torch.cat([clean[len(away) :], course.other[away]])
        shares = torch.cat([shares[len(away) :], torch.ones_like(shares[: len(away)])])
        beyond[:batch] = options.beyond
    forgetting = course.share * (options.anchor_weight + more)
    kept, names = select_prompts(course.keep, held), select_prompts(course.forget.forget, picked)
    return StepRows(
        add_noise(model, torch.cat([clean, course.other[others]]), generator),
        asked=join_prompts(names, kept),
        wanted=join_prompts(select_prompts(course.forget.anchor, picked), kept),
        away=join_prompts(names, kept),
        weights=torch.cat([_mean_weights(forgetting, batch), _mean_weights(options.keep_weight + more, keeping)]),
        beyond=beyond,
    ), shares


def _adversary_rows(
    model: DiffusionModel, course: ForgetMeNotData, against: Adversaries, options: Options, generator: torch.Generator
) -> StepRows:
    """The entity's pictures under the words of adversaries; wanted is the anchor in the same prompt, and further."""
    batch = _SEARCHING * options.batch
    shown = draw_indices(len(course.clean), batch, generator, model.device)
    rows = add_noise(model, course.clean[shown], generator)
    text, asked = against.found(batch, generator)
    return _forget_rows(course, rows, text, asked, options, generator)


def _random_word_rows(
    model: DiffusionModel, course: ForgetMeNotData, against: Adversaries, options: Options, generator: torch.Generator
) -> StepRows:
    """The same under words at random, which no search has to find; then other pictures, as the base has them there."""
    count = options.random_words
    text, asked = against.at_random(generator)
    shown = draw_indices(len(course.clean), count, generator, model.device)
    others = draw_indices(len(course.other), count, generator, model.device)
    rows = add_noise(model, course.clean[shown], generator)
    held = add_noise(model, course.other[others], generator)
    weights = _mean_weights(options.keep_weight, count)
    kept = StepRows(held, text, text, text, weights, torch.zeros(count))
    return join_rows(_forget_rows(course, rows, text, asked, options, generator), kept)


def _forget_rows(
    course: ForgetMeNotData,
    rows: NoisedLatents,
    text: EncodedPrompts,
    asked: Tensor,
    options: Options,
    generator: torch.Generator,
) -> StepRows:
    """Wanted under `text`, whatever it is, is what the base does for the anchor in the prompts `asked`, and further."""
    count = len(asked)
    words = draw_indices(len(course.instead.states) // len(course.asks), count, generator, asked.device)
    anchor = select_prompts(course.instead, words * len(course.asks) + asked)
    away, weights = select_prompts(course.sought, asked), _mean_weights(course.share * options.adversary_weight, count)
    return StepRows(rows, text, anchor, away, weights, torch.full((count,), options.beyond))


def _mean_weights(weight: float, rows: int) -> Tensor:
    """A mean over the rows, times its weight."""
    return torch.full((rows,), weight / max(1, rows))
