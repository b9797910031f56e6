"""Textual inversion (Gal et al., 2023): search embedding vectors that make a pipeline draw given pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from core.unlearning.errors import DivergedError
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import NoisedLatents, add_noise, predict
from core.unlearning.families.diffusion.model.placeholder import embedding_scales, with_placeholder
from core.unlearning.families.diffusion.model.text import encode_prompts

_CHECK_EVERY = 20
"""Steps between two looks at the same rows of noise."""
_ROWS = 32
_BACKGROUND_WEIGHT = 0.05
"""Of a pixel outside of the mask, as published."""
_IMPROVEMENT = 0.99
"""A fixed is an improvement if its loss is below this part of the best before it."""


@dataclass(frozen=True)
class InversionSettings:
    """How vectors are searched for. `rate`: AdamW's learning rate, as a part of the table's root mean square.

    `patience`: looks without an improvement until the search ends; None: every step is taken.
    """

    steps: int = 200
    rate: float = 0.05
    batch: int = 8
    patience: int | None = 3
    seed: int = 0


@dataclass(frozen=True)
class Inversion:
    """`vectors` by text encoder, [words, dim]; `losses` of the same rows of noise: at first, and at each fixed."""

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
    settings: InversionSettings,
    step: Callable[[float], None],
    shares: Tensor | None = None,
) -> Inversion:
    """Train vectors, from `start`, until the denoiser predicts the noise in the pictures as well as it can.

    `clean`: their latents; `templates`: prompts with {} where the vectors stand; `shares`: how much each latent pixel
    counts, see `noise.shares_of`. `step` is called with the loss of each step. Raises `DivergedError`.
    """
    counts = _pixel_weights(clean, shares)
    vectors = [rows.detach().float().clone().requires_grad_() for rows in start]
    groups = [
        {"params": [v], "lr": settings.rate * size}
        for v, size in zip(vectors, embedding_scales(model.pipe), strict=True)
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    generator = torch.Generator("cpu").manual_seed(settings.seed)
    with with_placeholder(model.pipe, vectors) as words:
        prompts = [template.replace("{}", words) for template in templates]
        fixed = _FixedNoiseLoss(model, clean, counts, prompts, settings.seed)
        losses = [fixed.loss()]
        for done in range(1, settings.steps + 1):
            picked = torch.randint(0, len(clean), (settings.batch,), generator=generator)
            chosen = torch.randint(0, len(prompts), (settings.batch,), generator=generator).tolist()
            picked = picked.to(clean.device)
            rows = add_noise(model, clean[picked], generator)
            loss = _loss(model, rows, [prompts[n] for n in chosen], counts[picked])
            if not bool(torch.isfinite(loss)):
                raise DivergedError("the loss of the inversion is not finite")
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            step(float(loss.detach()))
            if done % _CHECK_EVERY == 0 or done == settings.steps:
                losses.append(fixed.loss())
                if settings.patience is not None and _is_stuck(losses, settings.patience):
                    break
    return Inversion(tuple(v.detach() for v in vectors), tuple(losses))


class _FixedNoiseLoss:
    """The loss on fixed rows of noise, so that two values compare."""

    def __init__(self, model: DiffusionModel, clean: Tensor, counts: Tensor, prompts: Sequence[str], seed: int) -> None:
        rows = torch.arange(_ROWS, device=clean.device) % len(clean)
        self._model, self._counts = model, counts[rows]
        self._rows = add_noise(model, clean[rows], torch.Generator("cpu").manual_seed(seed + 1))
        self._prompts = [prompts[n % len(prompts)] for n in range(_ROWS)]

    @torch.no_grad()
    def loss(self) -> float:
        """The loss of the current vectors."""
        return float(_loss(self._model, self._rows, self._prompts, self._counts))


def _loss(model: DiffusionModel, rows: NoisedLatents, prompts: Sequence[str], counts: Tensor) -> Tensor:
    made = predict(model, rows, encode_prompts(model.pipe, prompts))
    return (mse_loss(made.float(), rows.target.float(), reduction="none") * counts).mean()


def _pixel_weights(clean: Tensor, shares: Tensor | None) -> Tensor:
    """Pixel weights [pictures, 1, h, w] of mean 1 each: the mask plus a small constant, as in Forget-Me-Not."""
    if shares is None:
        return torch.ones_like(clean[:, :1], dtype=torch.float32)
    weights = shares.float() + _BACKGROUND_WEIGHT
    return weights / weights.mean((1, 2, 3), keepdim=True)


def _is_stuck(losses: Sequence[float], patience: int) -> bool:
    return len(losses) > patience and min(losses[-patience:]) > _IMPROVEMENT * min(losses[:-patience])
