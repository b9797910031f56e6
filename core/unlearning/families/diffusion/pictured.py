"""Requests that bring pictures and no name: what the pictures show is given one, for as long as a method works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from core.unlearning.families.diffusion import templates
from core.unlearning.families.diffusion.inversion import Course, Inverted, invert
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.families.diffusion.noise import latents_of
from core.unlearning.families.diffusion.placeholder import new_vectors, placeholder
from core.unlearning.progress import Progress
from core.unlearning.types import Entity, Example, JobData

WORDS = 2
"""Vectors that stand for what the pictures show."""
_FRAMES, _RATE = 8, 0.2
STEPS = 200
"""Of the search for them, at most."""


def is_pictured(data: JobData) -> bool:
    """Whether nothing but pictures says what is to be forgotten."""
    wanted = [e for e in data.train if e.split.startswith("forget_")]
    return bool(wanted) and all(e.image is not None and e.subject is None for e in wanted)


@contextmanager
def named(model: DiffusionModel, data: JobData, seed: int, progress: Progress) -> Iterator[JobData]:
    """Inside, the data names what its pictures show, by words that the pipeline knows until then.

    Data that says in words what is to be forgotten stays as it is.
    """
    if not is_pictured(data):
        yield data
        return
    found = search(model, data, seed, progress)
    with placeholder(model.pipe, found.vectors) as words:
        yield renamed(data, words)


def search(model: DiffusionModel, data: JobData, seed: int, progress: Progress) -> Inverted:
    """Vectors that make the model, as it is now, draw what the request's pictures show."""
    pictures = [e.image for e in data.train if e.split.startswith("forget_") and e.image is not None]
    start = new_vectors(model.pipe, templates.class_word(data.entity.kind), WORDS, seed)

    def step(loss: float) -> None:
        progress.step(loss=loss)

    return invert(model, latents_of(model, pictures), open_prompts(data), start, Course(STEPS, _RATE, seed=seed), step)


def renamed(data: JobData, words: str) -> JobData:
    """The data with these words for what its pictures show."""
    asks = [text.replace("{}", words) for text in open_prompts(data)]
    train = [replace(e, question=asks[0], subject=words) if e.split.startswith("forget_") else e for e in data.train]
    held = [text.replace("{}", words) for text in templates.prompts(data.entity.kind, "{}", "validation")]
    return replace(
        data,
        train=(*train, *_asking(asks, words)),
        validation=(*data.validation, *_asking(held, words)),
        entity=Entity(words, data.entity.kind),
    )


def _asking(asks: Sequence[str], words: str) -> list[Example]:
    return [Example("forget_concept", ask, "", subject=words) for ask in asks]


def open_prompts(data: JobData) -> list[str]:
    """Prompts with {} where a name goes: those of the kind that the model is registered with, shortest first.

    Without any, the templates.
    """
    named = [e for e in data.train if e.split in ("forget_concept", "retain_same") and (e.subject or e.answer)]
    own = [e.question.replace(e.subject or e.answer, "{}") for e in named if e.image is None]
    found = sorted({text for text in own if "{}" in text}, key=lambda text: (len(text), text))
    return found[:_FRAMES] or templates.prompts(data.entity.kind, "{}", "train")
