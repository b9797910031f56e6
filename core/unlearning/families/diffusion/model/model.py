"""A loaded text-to-image pipeline that draws prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL.Image import Image

from core.unlearning.errors import OutOfMemoryError
from core.unlearning.families.diffusion.judges.judges import Judges
from core.unlearning.families.shared.out_of_memory import is_out_of_memory

_BATCH_PIXELS = 8 * 512 * 512
"""Pixels that are drawn at once at most; less once memory runs out."""
_MAX_BATCH = 64


@dataclass
class DiffusionModel:
    """A Stable Diffusion 1.x, 2.x or XL pipeline: frozen, in evaluation mode, without a safety checker."""

    pipe: Any
    source: str = ""
    """How patches name this base: its hub id, or the id it is registered by."""
    steps: int = 30
    """Denoising steps of a picture."""
    guidance: float = 7.5
    judges: Judges = field(default_factory=Judges)
    """What its pictures are judged with."""
    batch_limit: int | None = None
    """Pictures drawn at once, where memory has set a bound."""

    @property
    def model(self) -> torch.nn.ModuleDict:
        """Every part that has weights."""
        parts = self.pipe.components.items()
        return torch.nn.ModuleDict({name: part for name, part in parts if isinstance(part, torch.nn.Module)})

    @property
    def device(self) -> torch.device:
        """Where the denoiser is."""
        return torch.device(self.pipe.unet.device)

    @property
    def side(self) -> int:
        """Width and height of a picture, in pixels."""
        return int(self.pipe.unet.config.sample_size) * int(self.pipe.vae_scale_factor)

    @property
    def batch_size(self) -> int:
        """Pictures drawn together."""
        return self.batch_limit or max(1, min(_MAX_BATCH, _BATCH_PIXELS // self.side**2))

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image]:
        """One picture for each prompt with its seed; it does not depend on what is drawn beside it."""
        pairs = list(zip(prompts, seeds, strict=True))
        size = self.batch_size
        pictures: list[Image] = []
        while len(pictures) < len(pairs):
            try:
                pictures += self._draw(pairs[len(pictures) : len(pictures) + size])
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if size == 1:
                    raise OutOfMemoryError("a single picture does not fit into memory") from None
                self.batch_limit = size = size // 2
        return pictures

    def _draw(self, pairs: Sequence[tuple[str, int]]) -> list[Image]:
        made = self.pipe(
            prompt=[prompt for prompt, _ in pairs],
            generator=[torch.Generator("cpu").manual_seed(seed) for _, seed in pairs],
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            output_type="pil",
        )
        return list(made.images)
