"""Textual inversion (Gal et al., 2023): the words that make a pipeline draw what some pictures show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from core.unlearning.errors import DivergedError
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import Noised, noised, predict
from core.unlearning.families.diffusion.model.placeholder import placeholder, spread
from core.unlearning.families.diffusion.model.text import encode

_LOOK_EVERY = 20
"""Steps between two looks at the same rows of noise."""
_ROWS = 32
_AROUND = 0.05
"""Of a pixel outside of the mask, as published."""
_BETTER = 0.99
"""A look is an improvement if its loss is below this part of the best before it."""


@dataclass(frozen=True)
class Course:
    """How vectors are searched for. `rate`: AdamW's learning rate, as a part of the table's root mean square.

    `patience`: looks without an improvement until the search ends; None: every step is taken.
    """

    steps: int = 200
    rate: float = 0.05
    batch: int = 8
    patience: int | None = 3
    seed: int = 0


@dataclass(frozen=True)
class Inverted:
    """`vectors` by text encoder, [words, dim]; `losses` of the same rows of noise: at first, and at each look."""

    vectors: tuple[Tensor, ...]
    losses: tuple[float, ...]

    @property
    def loss(self) -> float:
        """Of the vectors that were found."""
        return self.losses[-1]


def invert(
    model: DiffusionModel,
    clean: Tensor,
    templates: Sequence[str],
    start: Sequence[Tensor],
    course: Course,
    step: Callable[[float], None],
    shares: Tensor | None = None,
) -> Inverted:
    """Train vectors, from `start`, until the denoiser predicts the noise in the pictures as well as it can.

    `clean`: their latents; `templates`: prompts with {} where the vectors stand; `shares`: how much each latent pixel
    counts, see `noise.shares_of`. `step` is called with the loss of each step. Raises `DivergedError`.
    """
    counts = _counts(clean, shares)
    vectors = [rows.detach().float().clone().requires_grad_() for rows in start]
    groups = [{"params": [v], "lr": course.rate * size} for v, size in zip(vectors, spread(model.pipe), strict=True)]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    generator = torch.Generator("cpu").manual_seed(course.seed)
    with placeholder(model.pipe, vectors) as words:
        prompts = [template.replace("{}", words) for template in templates]
        look = _Look(model, clean, counts, prompts, course.seed)
        losses = [look.loss()]
        for done in range(1, course.steps + 1):
            picked = torch.randint(0, len(clean), (course.batch,), generator=generator)
            asked = torch.randint(0, len(prompts), (course.batch,), generator=generator).tolist()
            picked = picked.to(clean.device)
            rows = noised(model, clean[picked], generator)
            loss = _loss(model, rows, [prompts[n] for n in asked], counts[picked])
            if not bool(torch.isfinite(loss)):
                raise DivergedError("the loss of the inversion is not finite")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            step(float(loss.detach()))
            if done % _LOOK_EVERY == 0 or done == course.steps:
                losses.append(look.loss())
                if course.patience is not None and _stuck(losses, course.patience):
                    break
    return Inverted(tuple(v.detach() for v in vectors), tuple(losses))


class _Look:
    """The loss on rows of noise that stay the same, so that two numbers can be compared."""

    def __init__(self, model: DiffusionModel, clean: Tensor, counts: Tensor, prompts: Sequence[str], seed: int) -> None:
        rows = torch.arange(_ROWS, device=clean.device) % len(clean)
        self._model, self._counts = model, counts[rows]
        self._rows = noised(model, clean[rows], torch.Generator("cpu").manual_seed(seed + 1))
        self._prompts = [prompts[n % len(prompts)] for n in range(_ROWS)]

    @torch.no_grad()
    def loss(self) -> float:
        """Of the vectors as they are."""
        return float(_loss(self._model, self._rows, self._prompts, self._counts))


def _loss(model: DiffusionModel, rows: Noised, prompts: Sequence[str], counts: Tensor) -> Tensor:
    made = predict(model, rows, encode(model.pipe, prompts))
    return (mse_loss(made.float(), rows.target.float(), reduction="none") * counts).mean()


def _counts(clean: Tensor, shares: Tensor | None) -> Tensor:
    """As Forget-Me-Not weighs masked pictures: a little everywhere, one in the mean of each. [pictures, 1, h, w]."""
    if shares is None:
        return torch.ones_like(clean[:, :1], dtype=torch.float32)
    weights = shares.float() + _AROUND
    return weights / weights.mean((1, 2, 3), keepdim=True)


def _stuck(losses: Sequence[float], patience: int) -> bool:
    return len(losses) > patience and min(losses[-patience:]) > _BETTER * min(losses[:-patience])
