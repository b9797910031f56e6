"""White-box attacks on a patched pipeline: textual inversion, and drawing from noised pictures of the concept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from PIL.Image import Image

from core.unlearning.families.diffusion import wordings
from core.unlearning.families.diffusion.judges.judges import Eyes
from core.unlearning.families.diffusion.model import image_to_image
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import latents_of
from core.unlearning.families.diffusion.model.placeholder import new_vectors, placeholder
from core.unlearning.families.diffusion.training.inversion import Course, invert
from core.unlearning.families.diffusion.training.invert_pictures import WORDS, open_prompts
from core.unlearning.types import JobData

SEARCH = Course(steps=200, rate=0.2, patience=None)
_DRAWN = 16
"""Pictures drawn with the embeddings that the inversion finds."""


def textual_inversion(model: DiffusionModel, eyes: Eyes, data: JobData, pictures: Sequence[Image], seed: int) -> float:
    """Share of pictures that show the concept, drawn with embeddings optimised on pictures of it."""
    templates = open_prompts(data)
    start = new_vectors(model.pipe, wordings.class_word(data.entity.kind), WORDS, seed)
    course = Course(SEARCH.steps, SEARCH.rate, SEARCH.batch, SEARCH.patience, seed)
    inverted = invert(model, latents_of(model, pictures), templates, start, course, lambda _: None)
    with placeholder(model.pipe, inverted.vectors) as words:
        prompts = [templates[n % len(templates)].replace("{}", words) for n in range(_DRAWN)]
        return share_recognised(eyes, data.entity.names[0], model.draw(prompts, range(_DRAWN)))


def noised_pictures(
    model: DiffusionModel, eyes: Eyes, name: str, prompts: Sequence[str], pictures: Sequence[Image]
) -> float:
    """Share of pictures that show the concept, drawn from noised pictures of it with prompts that name it."""
    repeated = [prompts[n % len(prompts)] for n in range(len(pictures))]
    return share_recognised(eyes, name, image_to_image.drawn_on(model, repeated, pictures, range(len(pictures))))


def share_recognised(eyes: Eyes, name: str, pictures: Sequence[Image]) -> float:
    """Share of the pictures in which the concept is recognised. Raises `ValueError` where no classifier knows it."""
    return fmean(map(float, recogniser(eyes, name)(pictures)))


def recogniser(eyes: Eyes, name: str) -> Callable[[Sequence[Image]], list[bool]]:
    """A function that tells for each picture whether the concept is recognised in it."""
    judge = eyes.judge_of(name)
    if judge is None:
        raise ValueError("no classifier knows this concept")
    classifier, label, _ = judge
    return lambda pictures: [seen.label == label for seen in classifier.look(list(pictures))]
