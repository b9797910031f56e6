"""Trains the reference pipeline from scratch.

`python -m core.unlearning.reference.diffusion.build` writes the one that comes with the package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.unlearning.reference.diffusion.architecture import build_pipeline
from core.unlearning.reference.diffusion.autoencoder import encode, train_autoencoder
from core.unlearning.reference.diffusion.denoiser import train_denoiser
from core.unlearning.reference.diffusion.pixels import draw_many

PICTURES = 16_000
AUTOENCODER_STEPS = 1000
DENOISER_STEPS = 2400

OnProgress = Callable[[int, int, float], None]
"""Called after every step with the step, the number of all steps and the loss."""


def build(
    out_dir: Path,
    seed: int = 0,
    progress_callback: OnProgress | None = None,
    *,
    pictures: int = PICTURES,
    autoencoder_steps: int = AUTOENCODER_STEPS,
    denoiser_steps: int = DENOISER_STEPS,
) -> Path:
    """Train a pipeline from scratch and save it in half precision as an ordinary diffusers folder."""
    step = 0

    def on_step(loss: float) -> None:
        nonlocal step
        step += 1
        if progress_callback:
            progress_callback(step, autoencoder_steps + denoiser_steps, loss)

    # Subnormal numbers slow training down; the caller's process gets them back.
    torch.set_flush_denormal(True)
    try:
        pipeline: Any = build_pipeline(seed)
        scenes, images = draw_many(pictures, np.random.default_rng([seed, 1]))
        train_autoencoder(pipeline.vae, images, autoencoder_steps, seed, on_step)
        train_denoiser(pipeline, scenes, encode(pipeline.vae, images), denoiser_steps, seed, on_step)
    finally:
        torch.set_flush_denormal(False)
    pipeline.to(dtype=torch.float16)
    # Unless told otherwise diffusers loads its parts in float32, transformers in what they are saved in.
    pipeline.text_encoder.float()
    pipeline.save_pretrained(out_dir)
    return Path(out_dir)


if __name__ == "__main__":
    build(Path(__file__).parent / "data" / "base")
