"""How much of a concept remains in the denoiser's predictions for held-out prompts."""

from __future__ import annotations

import torch
from torch import Tensor

from core.unlearning.families.diffusion.model.adapters import without_lora
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import NoisedLatents, add_noise, predict
from core.unlearning.families.diffusion.model.text import select_prompts
from core.unlearning.methods.forget_me_not.rows import ForgetPrompts

_ROWS = 16
_USUAL, _MOST = 0.2, 2.0
"""Usual mean square between the predictions for an object and for its anchor; largest `Probe.scale`."""


class Probe:
    """Predictions on fixed rows of noise, so that two measurements compare."""

    @torch.no_grad()
    def __init__(self, model: DiffusionModel, prompts: ForgetPrompts, clean: Tensor, seed: int) -> None:
        rows = torch.arange(_ROWS, device=model.device)
        self._model = model
        self._rows: NoisedLatents = add_noise(model, clean[rows % len(clean)], torch.Generator("cpu").manual_seed(seed))
        chosen = rows % len(prompts.columns)
        self._forget = select_prompts(prompts.forget, chosen)
        with without_lora(model.pipe.unet):
            self._anchor = predict(model, self._rows, select_prompts(prompts.anchor, chosen))
            self._direction = predict(model, self._rows, self._forget) - self._anchor

    def scale(self) -> float:
        """Factor of the weights of the forgetting losses, which grow with the distance between concept and anchor.

        About 1 for an object, which fills part of a picture. Less for a style, which fills all of it: otherwise the
        forgetting losses outweigh those of the retain set.
        """
        distance = float(self._direction.float().square().mean())
        return _USUAL / max(distance, _USUAL / _MOST)

    @torch.no_grad()
    def left(self) -> float:
        """Where the prediction lies between the base's for the anchor (0) and for the concept (1), by projection."""
        moved = predict(self._model, self._rows, self._forget) - self._anchor
        square = self._direction.square().sum().clamp_min(torch.finfo(self._direction.dtype).tiny)
        return float((moved * self._direction).sum() / square)
