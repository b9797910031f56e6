"""The training data of Forget-Me-Not: encoded prompts, and pictures as latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.unlearning.families.diffusion import wordings
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import encode_images, latent_masks
from core.unlearning.families.diffusion.model.text import EncodedPrompts
from core.unlearning.families.diffusion.training import invert_pictures
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.rows import ForgetPrompts, anchor_prompts, encode_frozen, forget_prompts
from core.unlearning.types import Example, JobData


@dataclass(frozen=True)
class ForgetMeNotData:
    """Prompts, encoded once, and pictures as latents [n, channels, height, width]."""

    forget: ForgetPrompts
    keep: EncodedPrompts
    """Prompts of the retain set, the empty prompt first."""
    entity_latents: Tensor
    """Pictures that show the entity."""
    entity_masks: Tensor
    """Where each of them shows it, see `noise.latent_masks`."""
    other_latents: Tensor
    """Pictures of anything else."""
    other_prompts: Tensor
    """For each of them, the index of its prompt in `keep`."""
    templates: Sequence[str]
    """Prompts with {} for the words of the adversaries."""
    anchors: EncodedPrompts
    """The templates with the anchor, see `rows.anchor_prompts`."""
    found_words: EncodedPrompts
    """The templates with the entity's name, or with the words that textual inversion found for its pictures."""
    start_words: str
    """Where the adversaries' searches start."""
    adversaries: int
    """Number of searches."""
    scale: float = 1.0
    """Factor of the weights of the forgetting losses, see `probe.Probe.scale`."""


def encode_data(model: DiffusionModel, data: JobData, options: Options, adversaries: int) -> ForgetMeNotData:
    """Encode the prompts and the request's pictures; draw pictures where the request has none."""
    keep = ["", *dict.fromkeys(e.question for e in data.train if not e.split.startswith("forget_"))]
    named = [e for e in data.train if e.split.startswith("forget_")]
    clean, shares = _entity_latents(model, named, options)
    other, prompts_of = clean, torch.zeros(len(clean), dtype=torch.long)
    if options.keep_weight:
        other, prompts_of = _other_latents(model, data, keep, options, adversaries)
    asks = invert_pictures.prompt_templates(data)
    return ForgetMeNotData(
        forget_prompts(model, data.train, data, options),
        encode_frozen(model, keep),
        entity_latents=clean,
        entity_masks=shares,
        other_latents=other,
        other_prompts=prompts_of.to(model.device),
        templates=asks,
        anchors=anchor_prompts(model, asks, data, options),
        found_words=encode_frozen(model, [ask.replace("{}", " ".join(data.entity.names[:1])) for ask in asks]),
        start_words=wordings.class_word(data.entity.kind),
        adversaries=adversaries,
    )


def _entity_latents(model: DiffusionModel, named: Sequence[Example], options: Options) -> tuple[Tensor, Tensor]:
    """Latents and masks of the request's pictures; of pictures that the model draws where the request has none."""
    given = [(e.image, e.mask) for e in named if e.image is not None]
    if given:
        return encode_images(model, [image for image, _ in given]), latent_masks(model, [mask for _, mask in given])
    prompts = [e.question for e in named]
    own = _draw_latents(model, [prompts[n % len(prompts)] for n in range(options.pictures)], options)
    return own, latent_masks(model, [None] * len(own))


def _other_latents(
    model: DiffusionModel, data: JobData, keep: Sequence[str], options: Options, adversaries: int
) -> tuple[Tensor, Tensor]:
    """Latents of the request's retain pictures and of pictures that the model draws, with the index of their prompts.

    The request's pictures have the empty prompt. With adversaries, the prompts of drawn ones are spread over `keep`.
    """
    count = options.others if adversaries else options.pictures
    at = [n * len(keep) // count if adversaries else n % len(keep) for n in range(count)]
    own = _draw_latents(model, [keep[n] for n in at], options)
    if not data.general_images:
        return own, torch.tensor(at)
    given = encode_images(model, data.general_images)
    return torch.cat([given, own]), torch.tensor([0] * len(given) + at)


def _draw_latents(model: DiffusionModel, prompts: Sequence[str], options: Options) -> Tensor:
    return encode_images(model, model.draw(prompts, list(range(options.seed, options.seed + len(prompts)))))
