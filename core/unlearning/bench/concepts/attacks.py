"""White-box attacks on a patched pipeline: textual inversion, and drawing from noised pictures of the concept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from PIL.Image import Image

from core.unlearning.families.diffusion import wordings
from core.unlearning.families.diffusion.judges.judges import Judges
from core.unlearning.families.diffusion.model import image_to_image
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import encode_images
from core.unlearning.families.diffusion.model.placeholder import random_embeddings, with_placeholder
from core.unlearning.families.diffusion.training.inversion import InversionSettings, invert
from core.unlearning.families.diffusion.training.invert_pictures import WORDS, prompt_templates
from core.unlearning.types import JobData

SEARCH = InversionSettings(steps=200, rate=0.2, patience=None)
_DRAWN = 16
"""Pictures drawn with the embeddings that the inversion finds."""


def textual_inversion(
    model: DiffusionModel, judges: Judges, data: JobData, pictures: Sequence[Image], seed: int
) -> float:
    """Share of pictures that show the concept, drawn with embeddings optimised on pictures of it."""
    templates = prompt_templates(data)
    start = random_embeddings(model.pipe, wordings.class_word(data.entity.kind), WORDS, seed)
    settings = InversionSettings(SEARCH.steps, SEARCH.rate, SEARCH.batch, SEARCH.patience, seed)
    inverted = invert(model, encode_images(model, pictures), templates, start, settings, lambda _: None)
    with with_placeholder(model.pipe, inverted.vectors) as words:
        prompts = [templates[n % len(templates)].replace("{}", words) for n in range(_DRAWN)]
        return share_recognised(judges, data.entity.names[0], model.draw(prompts, range(_DRAWN)))


def noised_pictures(
    model: DiffusionModel, judges: Judges, name: str, prompts: Sequence[str], pictures: Sequence[Image]
) -> float:
    """Share of pictures that show the concept, drawn from noised pictures of it with prompts that name it."""
    repeated = [prompts[n % len(prompts)] for n in range(len(pictures))]
    return share_recognised(judges, name, image_to_image.draw_over(model, repeated, pictures, range(len(pictures))))


def share_recognised(judges: Judges, name: str, pictures: Sequence[Image]) -> float:
    """Share of the pictures in which the concept is recognised. Raises `ValueError` where no classifier knows it."""
    return fmean(map(float, recogniser(judges, name)(pictures)))


def recogniser(judges: Judges, name: str) -> Callable[[Sequence[Image]], list[bool]]:
    """A function that tells for each picture whether the concept is recognised in it."""
    judge = judges.classifier_for(name)
    if judge is None:
        raise ValueError("no classifier knows this concept")
    classifier, label, _ = judge
    return lambda pictures: [seen.label == label for seen in classifier.classify(list(pictures))]
