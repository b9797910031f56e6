"""White-box attacks on a patched pipeline: words searched for in pictures, and pictures that are drawn on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from PIL.Image import Image

from core.unlearning.families.diffusion import redraw, wordings
from core.unlearning.families.diffusion.eyes import Eyes
from core.unlearning.families.diffusion.inversion import Course, invert
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.families.diffusion.noise import latents_of
from core.unlearning.families.diffusion.pictured import WORDS, open_prompts
from core.unlearning.families.diffusion.placeholder import new_vectors, placeholder
from core.unlearning.types import JobData

SEARCH = Course(steps=200, rate=0.2, patience=None)
_SHOWN = 16


def inverted(model: DiffusionModel, eyes: Eyes, data: JobData, pictures: Sequence[Image], seed: int) -> float:
    """Share of pictures that show the concept again, drawn with words that were searched for in pictures of it."""
    asks = open_prompts(data)
    start = new_vectors(model.pipe, wordings.class_word(data.entity.kind), WORDS, seed)
    course = Course(SEARCH.steps, SEARCH.rate, SEARCH.batch, SEARCH.patience, seed)
    found = invert(model, latents_of(model, pictures), asks, start, course, lambda _: None)
    with placeholder(model.pipe, found.vectors) as words:
        prompts = [asks[n % len(asks)].replace("{}", words) for n in range(_SHOWN)]
        return shown(eyes, data.entity.names[0], model.draw(prompts, range(_SHOWN)))


def drawn_on(model: DiffusionModel, eyes: Eyes, name: str, prompts: Sequence[str], pictures: Sequence[Image]) -> float:
    """Share that shows the concept where the pipeline starts from noised pictures of it, with prompts that name it."""
    asked = [prompts[n % len(prompts)] for n in range(len(pictures))]
    return shown(eyes, name, redraw.drawn_on(model, asked, pictures, range(len(pictures))))


def shown(eyes: Eyes, name: str, pictures: Sequence[Image]) -> float:
    """Share of the pictures in which the concept is seen. Raises `ValueError` where nothing knows it."""
    return fmean(map(float, recognise(eyes, name)(pictures)))


def recognise(eyes: Eyes, name: str) -> Callable[[Sequence[Image]], list[bool]]:
    """For each picture, whether the concept is seen in it."""
    judge = eyes.judge_of(name)
    if judge is None:
        raise ValueError("no classifier knows this concept")
    classifier, label, _ = judge
    return lambda pictures: [seen.label == label for seen in classifier.look(list(pictures))]
