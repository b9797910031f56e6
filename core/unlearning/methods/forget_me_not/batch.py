"""Draw the rows of a step: noised pictures with the prompts of the trained denoiser and of the teacher."""

from __future__ import annotations

import torch
from torch import Tensor

from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import NoisedLatents, add_noise
from core.unlearning.families.diffusion.model.text import EncodedPrompts, join_prompts, select_prompts
from core.unlearning.methods.forget_me_not.adversary import Adversaries
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.rows import StepRows, join_rows
from core.unlearning.methods.forget_me_not.training_data import ForgetMeNotData

_OTHER_PICTURE_EVERY = 2
"""With adversaries, one in this many prompts to forget comes with a picture of something else."""
_ADVERSARY_ROWS = 2
"""Rows with the adversaries' words for each prompt to forget: as many as there are forget and retain rows."""


def rows_of(
    model: DiffusionModel,
    training_data: ForgetMeNotData,
    picked: Tensor,
    adversaries: Adversaries | None,
    options: Options,
    generator: torch.Generator,
) -> tuple[StepRows, Tensor]:
    """The rows of a step, first the forget prompts at the indices `picked`, and the masks of these rows' pictures."""
    rows, shares = _name_and_retain_rows(model, training_data, picked, adversaries is not None, options, generator)
    if adversaries is not None:
        rows = join_rows(rows, _adversary_rows(model, training_data, adversaries, options, generator))
        if options.random_words:
            rows = join_rows(rows, _random_word_rows(model, training_data, adversaries, options, generator))
    return rows, shares


def draw_indices(count: int, wanted: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """`wanted` random indices below `count`."""
    return torch.randint(0, count, (wanted,), generator=generator).to(device)


def _name_and_retain_rows(
    model: DiffusionModel,
    training_data: ForgetMeNotData,
    picked: Tensor,
    with_adversaries: bool,
    options: Options,
    generator: torch.Generator,
) -> tuple[StepRows, Tensor]:
    """Forget prompts on pictures of the entity, then as many retain prompts on other pictures.

    With adversaries, half of the forget prompts come with other pictures: once the entity is forgotten, sampling passes
    through such pictures, and a LoRA that tells pictures apart is unconstrained there. Half of the retain prompts come
    with the picture that was drawn from them.
    """
    device, batch = model.device, options.batch
    keeping = batch if options.keep_weight else 0
    retain = draw_indices(len(training_data.keep.states), keeping, generator, device)
    entity = draw_indices(len(training_data.entity_latents), batch, generator, device)
    others = draw_indices(len(training_data.other_latents), keeping, generator, device)
    clean, shares = training_data.entity_latents[entity], training_data.entity_masks[entity]
    beyond, extra = torch.zeros(batch + keeping), 0.0
    if with_adversaries:
        extra = options.adversary_weight / 2
        retain = torch.cat([training_data.other_prompts[others[: keeping // 2]], retain[keeping // 2 :]])
        away = draw_indices(len(training_data.other_latents), batch // _OTHER_PICTURE_EVERY, generator, device)
        clean = torch.cat([clean[len(away) :], training_data.other_latents[away]])
        shares = torch.cat([shares[len(away) :], torch.ones_like(shares[: len(away)])])
        beyond[:batch] = options.beyond
    forgetting = training_data.scale * (options.anchor_weight + extra)
    kept, names = select_prompts(training_data.keep, retain), select_prompts(training_data.forget.forget, picked)
    return StepRows(
        add_noise(model, torch.cat([clean, training_data.other_latents[others]]), generator),
        prompts=join_prompts(names, kept),
        teacher_prompts=join_prompts(select_prompts(training_data.forget.anchor, picked), kept),
        away_prompts=join_prompts(names, kept),
        weights=torch.cat([_mean_weights(forgetting, batch), _mean_weights(options.keep_weight + extra, keeping)]),
        beyond=beyond,
    ), shares


def _adversary_rows(
    model: DiffusionModel,
    training_data: ForgetMeNotData,
    adversaries: Adversaries,
    options: Options,
    generator: torch.Generator,
) -> StepRows:
    """Pictures of the entity under the adversaries' words; the target is the anchor in the same template."""
    batch = _ADVERSARY_ROWS * options.batch
    entity = draw_indices(len(training_data.entity_latents), batch, generator, model.device)
    rows = add_noise(model, training_data.entity_latents[entity], generator)
    text, chosen = adversaries.current_prompts(batch, generator)
    return _forget_rows(training_data, rows, text, chosen, options, generator)


def _random_word_rows(
    model: DiffusionModel,
    training_data: ForgetMeNotData,
    adversaries: Adversaries,
    options: Options,
    generator: torch.Generator,
) -> StepRows:
    """Pictures of the entity under random words, with the anchor as target; then other pictures, held at the base."""
    count = options.random_words
    text, chosen = adversaries.random_prompts(generator)
    entity = draw_indices(len(training_data.entity_latents), count, generator, model.device)
    others = draw_indices(len(training_data.other_latents), count, generator, model.device)
    rows = add_noise(model, training_data.entity_latents[entity], generator)
    retain = add_noise(model, training_data.other_latents[others], generator)
    weights = _mean_weights(options.keep_weight, count)
    kept = StepRows(retain, text, text, text, weights, torch.zeros(count))
    return join_rows(_forget_rows(training_data, rows, text, chosen, options, generator), kept)


def _forget_rows(
    training_data: ForgetMeNotData,
    rows: NoisedLatents,
    text: EncodedPrompts,
    chosen: Tensor,
    options: Options,
    generator: torch.Generator,
) -> StepRows:
    """Rows under any `text` whose target is the base's prediction for the anchor in the templates at `chosen`."""
    count = len(chosen)
    words = draw_indices(
        len(training_data.anchors.states) // len(training_data.templates), count, generator, chosen.device
    )
    anchor = select_prompts(training_data.anchors, words * len(training_data.templates) + chosen)
    away = select_prompts(training_data.found_words, chosen)
    weights = _mean_weights(training_data.scale * options.adversary_weight, count)
    return StepRows(rows, text, anchor, away, weights, torch.full((count,), options.beyond))


def _mean_weights(weight: float, rows: int) -> Tensor:
    """Weights [rows] that turn a sum over the rows into `weight` times their mean."""
    return torch.full((rows,), weight / max(1, rows))
