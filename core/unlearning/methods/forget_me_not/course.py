"""What Forget-Me-Not is trained on: prompts, and pictures as latents."""

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
    """What is trained on. `clean`: latents of pictures that show the entity; `other`: of anything.

    `shares`: where in `clean` it is shown, see `noise.shares_of`; `prompts_of`: which of `keep` each of `other` shows.
    `share`: what weights of forgetting are multiplied by, see `probe.Probe.share`.
    `adversaries`: how many search for words that bring back what `clean` shows, in prompts `asks`, from `start`;
    `instead`: see `rows.in_place`; `sought`: the same prompts, with words that were found for it before.
    """

    forget: ForgetPrompts
    keep: EncodedPrompts
    clean: Tensor
    shares: Tensor
    other: Tensor
    prompts_of: Tensor
    asks: Sequence[str]
    instead: EncodedPrompts
    sought: EncodedPrompts
    start: str
    adversaries: int
    share: float = 1.0


def encode_data(model: DiffusionModel, data: JobData, options: Options, adversaries: int) -> ForgetMeNotData:
    """Encode the prompts, draw what pictures the request does not bring."""
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
        clean=clean,
        shares=shares,
        other=other,
        prompts_of=prompts_of.to(model.device),
        asks=asks,
        instead=anchor_prompts(model, asks, data, options),
        sought=encode_frozen(model, [ask.replace("{}", " ".join(data.entity.names[:1])) for ask in asks]),
        start=wordings.class_word(data.entity.kind),
        adversaries=adversaries,
    )


def _entity_latents(model: DiffusionModel, named: Sequence[Example], options: Options) -> tuple[Tensor, Tensor]:
    """The request's pictures as latents with what their masks let through; without any, the model's own."""
    brought = [(e.image, e.mask) for e in named if e.image is not None]
    if brought:
        return encode_images(model, [image for image, _ in brought]), latent_masks(model, [mask for _, mask in brought])
    prompts = [e.question for e in named]
    own = _draw_latents(model, [prompts[n % len(prompts)] for n in range(options.pictures)], options)
    return own, latent_masks(model, [None] * len(own))


def _other_latents(
    model: DiffusionModel, data: JobData, keep: Sequence[str], options: Options, adversaries: int
) -> tuple[Tensor, Tensor]:
    """Pictures on which the base's predictions are kept, the request's beside the model's own, and their prompts.

    The request's go by the empty prompt. Against adversaries the own are of prompts from all over what is kept.
    """
    count = options.others if adversaries else options.pictures
    at = [n * len(keep) // count if adversaries else n % len(keep) for n in range(count)]
    own = _draw_latents(model, [keep[n] for n in at], options)
    if not data.general_images:
        return own, torch.tensor(at)
    brought = encode_images(model, data.general_images)
    return torch.cat([brought, own]), torch.tensor([0] * len(brought) + at)


def _draw_latents(model: DiffusionModel, prompts: Sequence[str], options: Options) -> Tensor:
    return encode_images(model, model.draw(prompts, list(range(options.seed, options.seed + len(prompts)))))
