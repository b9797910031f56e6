"""M-Score: similarity of a concept's own embeddings to those that textual inversion finds for pictures of it.

In a model that knows the concept, inversion stays near its start. The score alone also falls in a broken model, so it
is reported with the scores of control concepts, the loss of the inversion, and the rate at which found words restore
the concept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from PIL.Image import Image
from torch import Tensor
from torch.nn.functional import cosine_similarity

from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import encode_images
from core.unlearning.families.diffusion.model.placeholder import name_embeddings, with_placeholder
from core.unlearning.families.diffusion.training.inversion import Inversion, InversionSettings, invert

Recognise = Callable[[Sequence[Image]], Sequence[bool]]
"""For each picture, whether it shows the concept."""


@dataclass(frozen=True)
class MScore:
    """Means over seeds. `score`: cosine; `loss`: of the inversion; `recovered`: share of pictures with the concept."""

    score: float
    loss: float
    recovered: float


@dataclass(frozen=True)
class MScoreComparison:
    """A concept and its controls, before and after: what forgetting one has done to each."""

    before: MScore
    after: MScore
    controls_before: tuple[MScore, ...]
    controls_after: tuple[MScore, ...]

    @property
    def drop(self) -> float:
        """Of the concept's score."""
        return self.before.score - self.after.score

    @property
    def control_drop(self) -> float:
        """The mean of the controls'. As large as `drop` where the model is broken."""
        pairs = zip(self.controls_before, self.controls_after, strict=True)
        return fmean(before.score - after.score for before, after in pairs)


def m_score(
    model: DiffusionModel,
    name: str,
    pictures: Sequence[Image],
    templates: Sequence[str],
    recognise: Recognise,
    *,
    settings: InversionSettings,
    seeds: Sequence[int],
    draw: int = 8,
) -> MScore:
    """Invert from the name's own embeddings, a fixed number of steps, and draw with what was found."""
    start, clean = name_embeddings(model.pipe, name), encode_images(model, pictures)
    found = [
        invert(model, clean, templates, start, replace(settings, seed=seed, patience=None), lambda _: None)
        for seed in seeds
    ]
    seen = [
        shown
        for seed, one in zip(seeds, found, strict=True)
        for shown in recognise(_draw(model, one, templates, seed, draw))
    ]
    return MScore(
        fmean(similarity(start, one.vectors) for one in found),
        fmean(one.loss for one in found),
        fmean(map(float, seen)),
    )


def similarity(start: Sequence[Tensor], found: Sequence[Tensor]) -> float:
    """Mean cosine of the rows, over all text encoders, each [words, dim]."""
    return fmean(float(cosine_similarity(a, b, dim=-1).mean()) for a, b in zip(start, found, strict=True))


def _draw(model: DiffusionModel, one: Inversion, templates: Sequence[str], seed: int, count: int) -> list[Image]:
    with with_placeholder(model.pipe, one.vectors) as words:
        prompts = [templates[n % len(templates)].replace("{}", words) for n in range(count)]
        return model.draw(prompts, range(seed * count, (seed + 1) * count))
