"""Requests that bring pictures and no name: what the pictures show is given one, for as long as a method works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from core.unlearning.families.diffusion import templates
from core.unlearning.families.diffusion.inversion import Course, Inverted, invert
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.families.diffusion.noise import latents_of
from core.unlearning.families.diffusion.placeholder import new_vectors, placeholder
from core.unlearning.progress import Progress
from core.unlearning.types import Entity, EntityKind, Example, JobData, Part

WORDS = 2
"""Vectors that stand for what the pictures show."""
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
    kind = data.entity.kind
    start = new_vectors(model.pipe, templates.class_word(kind), WORDS, seed)

    def step(loss: float) -> None:
        progress.step(loss=loss)

    return invert(
        model, latents_of(model, pictures), open_prompts(kind, "train"), start, Course(STEPS, seed=seed), step
    )


def renamed(data: JobData, words: str) -> JobData:
    """The data with these words for what its pictures show."""
    kind = data.entity.kind
    first = open_prompts(kind, "train")[0].replace("{}", words)
    train = [replace(e, question=first, subject=words) if e.split.startswith("forget_") else e for e in data.train]
    return replace(
        data,
        train=(*train, *_asking(kind, words, "train")),
        validation=(*data.validation, *_asking(kind, words, "validation")),
        entity=Entity(words, kind),
    )


def _asking(kind: EntityKind, words: str, part: Part) -> list[Example]:
    return [
        Example("forget_concept", text.replace("{}", words), "", subject=words) for text in open_prompts(kind, part)
    ]


def open_prompts(kind: EntityKind, part: Part) -> list[str]:
    """The templates of a kind with {} where the name goes."""
    return templates.prompts(kind, "{}", part)
