"""Requests that bring pictures and no name: words are found for what they show, for as long as a method works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from core.unlearning.families.diffusion import wordings
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import latents_of, shares_of
from core.unlearning.families.diffusion.model.placeholder import new_vectors, placeholder
from core.unlearning.families.diffusion.training.inversion import Course, Inverted, invert
from core.unlearning.progress import Progress
from core.unlearning.types import Entity, Example, JobData

WORDS = 2
"""Vectors that stand for what the pictures show."""
_FRAMES, _RATE = 8, 0.2
STEPS = 200
"""Of the search for them, at most."""


def is_pictured(data: JobData) -> bool:
    """Whether the request shows what is to be forgotten, and does not name it."""
    return not data.entity.names and any(_shows(e) for e in data.train)


@contextmanager
def named(model: DiffusionModel, data: JobData, seed: int, progress: Progress) -> Iterator[JobData]:
    """Inside, the data names what its pictures show, by words that the pipeline knows until then.

    Beside the name that the model itself has for them, where it is known. Data that names the entity stays as it is.
    """
    if not is_pictured(data):
        yield data
        return
    found = search(model, data, seed, progress)
    with placeholder(model.pipe, found.vectors) as words:
        yield renamed(data, words)


def search(model: DiffusionModel, data: JobData, seed: int, progress: Progress) -> Inverted:
    """Vectors that make the model, as it is now, draw what the request's pictures show."""
    shown = [(e.image, e.mask) for e in data.train if _shows(e) and e.image is not None]
    start = new_vectors(model.pipe, wordings.class_word(data.entity.kind), WORDS, seed)

    def step(loss: float) -> None:
        progress.step(loss=loss)

    clean, shares = latents_of(model, [picture for picture, _ in shown]), shares_of(model, [mask for _, mask in shown])
    return invert(model, clean, open_prompts(data), start, Course(STEPS, _RATE, seed=seed), step, shares)


def renamed(data: JobData, words: str) -> JobData:
    """The data with these words for what its pictures show."""
    asks = [text.replace("{}", words) for text in open_prompts(data)]
    train = [replace(e, question=asks[0], subject=words) if _shows(e) else e for e in data.train]
    held = [text.replace("{}", words) for text in wordings.prompts(data.entity.kind, "{}", "validation")]
    return replace(
        data,
        train=(*train, *_asking(asks, words)),
        validation=(*data.validation, *_asking(held, words)),
        entity=Entity(words, data.entity.kind),
    )


def _shows(example: Example) -> bool:
    return example.split.startswith("forget_") and example.image is not None and example.subject is None


def _asking(asks: Sequence[str], words: str) -> list[Example]:
    return [Example("forget_concept", ask, "", subject=words) for ask in asks]


def open_prompts(data: JobData) -> list[str]:
    """Prompts with {} where a name goes: those of the kind that the model is registered with, shortest first.

    Without any, the templates.
    """
    named = [e for e in data.train if e.split in ("forget_concept", "retain_same") and (e.subject or e.answer)]
    own = [e.question.replace(e.subject or e.answer, "{}") for e in named if e.image is None]
    found = sorted({text for text in own if "{}" in text}, key=lambda text: (len(text), text))
    return found[:_FRAMES] or wordings.prompts(data.entity.kind, "{}", "train")
