"""What Forget-Me-Not is trained on: prompts, and pictures as latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.unlearning.families.diffusion import wordings
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import latents_of, shares_of
from core.unlearning.families.diffusion.model.text import Text
from core.unlearning.families.diffusion.training import invert_pictures
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.rows import Prompts, forgotten, in_place, kept
from core.unlearning.types import Example, JobData


@dataclass(frozen=True)
class Course:
    """What is trained on. `clean`: latents of pictures that show the entity; `other`: of anything.

    `shares`: where in `clean` it is shown, see `noise.shares_of`; `prompts_of`: which of `keep` each of `other` shows.
    `share`: what weights of forgetting are multiplied by, see `probe.Probe.share`.
    `adversaries`: how many search for words that bring back what `clean` shows, in prompts `asks`, from `start`;
    `instead`: see `rows.in_place`; `sought`: the same prompts, with words that were found for it before.
    """

    forget: Prompts
    keep: Text
    clean: Tensor
    shares: Tensor
    other: Tensor
    prompts_of: Tensor
    asks: Sequence[str]
    instead: Text
    sought: Text
    start: str
    adversaries: int
    share: float = 1.0


def course_of(model: DiffusionModel, data: JobData, options: Options, adversaries: int) -> Course:
    """Encode the prompts, draw what pictures the request does not bring."""
    keep = ["", *dict.fromkeys(e.question for e in data.train if not e.split.startswith("forget_"))]
    named = [e for e in data.train if e.split.startswith("forget_")]
    clean, shares = _shown(model, named, options)
    other, prompts_of = clean, torch.zeros(len(clean), dtype=torch.long)
    if options.keep_weight:
        other, prompts_of = _other(model, data, keep, options, adversaries)
    asks = invert_pictures.open_prompts(data)
    return Course(
        forgotten(model, data.train, data, options),
        kept(model, keep),
        clean=clean,
        shares=shares,
        other=other,
        prompts_of=prompts_of.to(model.device),
        asks=asks,
        instead=in_place(model, asks, data, options),
        sought=kept(model, [ask.replace("{}", " ".join(data.entity.names[:1])) for ask in asks]),
        start=wordings.class_word(data.entity.kind),
        adversaries=adversaries,
    )


def _shown(model: DiffusionModel, named: Sequence[Example], options: Options) -> tuple[Tensor, Tensor]:
    """The request's pictures as latents with what their masks let through; without any, the model's own."""
    brought = [(e.image, e.mask) for e in named if e.image is not None]
    if brought:
        return latents_of(model, [image for image, _ in brought]), shares_of(model, [mask for _, mask in brought])
    prompts = [e.question for e in named]
    own = _drawn(model, [prompts[n % len(prompts)] for n in range(options.pictures)], options)
    return own, shares_of(model, [None] * len(own))


def _other(
    model: DiffusionModel, data: JobData, keep: Sequence[str], options: Options, adversaries: int
) -> tuple[Tensor, Tensor]:
    """Pictures on which the base's predictions are kept, the request's beside the model's own, and their prompts.

    The request's go by the empty prompt. Against adversaries the own are of prompts from all over what is kept.
    """
    count = options.others if adversaries else options.pictures
    at = [n * len(keep) // count if adversaries else n % len(keep) for n in range(count)]
    own = _drawn(model, [keep[n] for n in at], options)
    if not data.general_images:
        return own, torch.tensor(at)
    brought = latents_of(model, data.general_images)
    return torch.cat([brought, own]), torch.tensor([0] * len(brought) + at)


def _drawn(model: DiffusionModel, prompts: Sequence[str], options: Options) -> Tensor:
    return latents_of(model, model.draw(prompts, list(range(options.seed, options.seed + len(prompts)))))
