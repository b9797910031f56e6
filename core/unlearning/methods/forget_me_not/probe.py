"""How much of a concept is left in what the denoiser predicts for prompts that were not trained on."""

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
"""Mean square of the way from the anchor's prediction to that of a thing in a picture; the largest `Probe.share`."""


class Probe:
    """Asks the same rows of noise again and again."""

    @torch.no_grad()
    def __init__(self, model: DiffusionModel, prompts: ForgetPrompts, clean: Tensor, seed: int) -> None:
        rows = torch.arange(_ROWS, device=model.device)
        self._model = model
        self._rows: NoisedLatents = add_noise(model, clean[rows % len(clean)], torch.Generator("cpu").manual_seed(seed))
        chosen = rows % len(prompts.columns)
        self._forget = select_prompts(prompts.forget, chosen)
        with without_lora(model.pipe.unet):
            self._anchor = predict(model, self._rows, select_prompts(prompts.anchor, chosen))
            self._way = predict(model, self._rows, self._forget) - self._anchor

    def share(self) -> float:
        """What weights of forgetting are to be multiplied by: errors are as large as the way is long.

        About one for what takes a part of a picture. Less for a style, which is all of it, lest what is kept drowns.
        """
        way = float(self._way.float().square().mean())
        return _USUAL / max(way, _USUAL / _MOST)

    @torch.no_grad()
    def left(self) -> float:
        """Share of the way from the base's prediction for the anchor to that for the concept: 1 for the base itself."""
        moved = predict(self._model, self._rows, self._forget) - self._anchor
        square = self._way.square().sum().clamp_min(torch.finfo(self._way.dtype).tiny)
        return float((moved * self._way).sum() / square)
