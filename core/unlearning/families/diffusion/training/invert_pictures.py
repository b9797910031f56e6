"""Requests of pictures without a name: textual inversion finds words for them, which exist during training only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from core.unlearning.families.diffusion import wordings
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import encode_images, latent_masks
from core.unlearning.families.diffusion.model.placeholder import random_embeddings, with_placeholder
from core.unlearning.families.diffusion.training.inversion import Inversion, InversionSettings, invert
from core.unlearning.progress import Progress
from core.unlearning.types import Entity, Example, JobData

WORDS = 2
"""Vectors that stand for what the pictures show."""
_FRAMES, _RATE = 8, 0.2
STEPS = 200
"""Of the search for them, at most."""


def is_unnamed(data: JobData) -> bool:
    """Whether the request has pictures and no name."""
    return not data.entity.names and any(_is_unnamed_picture(e) for e in data.train)


@contextmanager
def naming_pictures(model: DiffusionModel, data: JobData, seed: int, progress: Progress) -> Iterator[JobData]:
    """Yield the data with the found words as the entity's name; the pipeline knows them until exit.

    Data that names the entity is yielded unchanged.
    """
    if not is_unnamed(data):
        yield data
        return
    found = find_words(model, data, seed, progress)
    with with_placeholder(model.pipe, found.vectors) as words:
        yield with_name(data, words)


def find_words(model: DiffusionModel, data: JobData, seed: int, progress: Progress) -> Inversion:
    """Textual inversion of the request's pictures in the current model."""
    shown = [(e.image, e.mask) for e in data.train if _is_unnamed_picture(e) and e.image is not None]
    start = random_embeddings(model.pipe, wordings.class_word(data.entity.kind), WORDS, seed)

    def step(loss: float) -> None:
        progress.step(loss=loss)

    clean, shares = (
        encode_images(model, [picture for picture, _ in shown]),
        latent_masks(model, [mask for _, mask in shown]),
    )
    return invert(model, clean, prompt_templates(data), start, InversionSettings(STEPS, _RATE, seed=seed), step, shares)


def with_name(data: JobData, words: str) -> JobData:
    """The data with these words as the entity's name."""
    asks = [text.replace("{}", words) for text in prompt_templates(data)]
    train = [replace(e, question=asks[0], subject=words) if _is_unnamed_picture(e) else e for e in data.train]
    held = [text.replace("{}", words) for text in wordings.prompts(data.entity.kind, "{}", "validation")]
    return replace(
        data,
        train=(*train, *_forget_examples(asks, words)),
        validation=(*data.validation, *_forget_examples(held, words)),
        entity=Entity(words, data.entity.kind),
    )


def _is_unnamed_picture(example: Example) -> bool:
    return example.split.startswith("forget_") and example.image is not None and example.subject is None


def _forget_examples(asks: Sequence[str], words: str) -> list[Example]:
    return [Example("forget_concept", ask, "", subject=words) for ask in asks]


def prompt_templates(data: JobData) -> list[str]:
    """Prompts with {} where a name goes: those of the kind that the model is registered with, shortest first.

    Without any, the templates.
    """
    named = [e for e in data.train if e.split in ("forget_concept", "retain_same") and (e.subject or e.answer)]
    own = [e.question.replace(e.subject or e.answer, "{}") for e in named if e.image is None]
    found = sorted({text for text in own if "{}" in text}, key=lambda text: (len(text), text))
    return found[:_FRAMES] or wordings.prompts(data.entity.kind, "{}", "train")
