"""Noised latents and the denoiser's predictions for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler
from PIL.Image import Image, Resampling
from torch import Tensor

from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.text import EncodedPrompts


@dataclass(frozen=True)
class NoisedLatents:
    """`latents` [rows, channels, height, width] at `times` [rows]; `target`: the prediction target of the scheduler."""

    latents: Tensor
    times: Tensor
    target: Tensor


def join_latents(*several: NoisedLatents) -> NoisedLatents:
    """Rows after rows."""
    parts = ("latents", "times", "target")
    return NoisedLatents(*(torch.cat([getattr(rows, part) for rows in several]) for part in parts))


def select_latents(rows: NoisedLatents, which: Tensor) -> NoisedLatents:
    """Some of the rows."""
    return NoisedLatents(rows.latents[which], rows.times[which], rows.target[which])


@torch.no_grad()
def encode_images(model: DiffusionModel, images: Sequence[Image]) -> Tensor:
    """Pictures as latents [pictures, channels, height, width], scaled and in the precision that the denoiser wants."""
    vae, side = model.pipe.vae, model.side
    pixels = model.pipe.image_processor.preprocess(list(images), height=side, width=side)
    with _in_full_precision(vae):
        encoded = torch.cat([_encode(vae, rows) for rows in pixels.split(model.batch_size)])
    return (encoded * vae.config.scaling_factor).to(model.pipe.unet.dtype)  # type: ignore[no-any-return]


def _encode(vae: Any, pixels: Tensor) -> Tensor:
    return vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist.mean  # type: ignore[no-any-return]


@contextmanager
def _in_full_precision(vae: Any) -> Iterator[None]:
    """Run the VAE in float32 where its configuration forces it: that of Stable Diffusion XL overflows in float16."""
    before = vae.dtype
    if before == torch.float16 and vae.config.force_upcast:
        vae.to(torch.float32)
    try:
        yield
    finally:
        vae.to(before)


def latent_masks(model: DiffusionModel, masks: Sequence[Image | None]) -> Tensor:
    """Masks at latent resolution, 0 to 1, [pictures, 1, height, width]; ones for a picture without a mask."""
    size = int(model.pipe.unet.config.sample_size)
    rows = torch.ones(len(masks), 1, size, size)
    for n, mask in enumerate(masks):
        if mask is not None:
            scaled = mask.convert("L").resize((size, size), Resampling.BOX)
            rows[n, 0] = torch.from_numpy(np.asarray(scaled, dtype=np.float32) / 255)
    return rows.to(model.device)


def add_noise(model: DiffusionModel, clean: Tensor, generator: torch.Generator) -> NoisedLatents:
    """Noise each row at a random time step. `generator` is on the CPU, so that every device gives the same noise."""
    schedules: Any = DDPMScheduler
    schedule = schedules.from_config(model.pipe.scheduler.config)
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    steps = int(schedule.config.num_train_timesteps)
    times = torch.randint(0, steps, (len(clean),), generator=generator).to(clean.device)
    velocity = schedule.config.prediction_type == "v_prediction"
    target = schedule.get_velocity(clean, noise, times) if velocity else noise
    return NoisedLatents(schedule.add_noise(clean, noise, times), times, target)


def predict(model: DiffusionModel, rows: NoisedLatents, text: EncodedPrompts) -> Tensor:
    """The denoiser's prediction, of the shape of the latents, with gradients."""
    unet = model.pipe.unet
    conditions = {}
    if text.pooled is not None:
        size = torch.tensor([model.side, model.side, 0, 0, model.side, model.side], device=rows.latents.device)
        conditions = {"text_embeds": text.pooled, "time_ids": size.expand(len(rows.times), -1).to(text.pooled)}
    made: Any = unet(rows.latents, rows.times, text.states, added_cond_kwargs=conditions or None)
    return made.sample  # type: ignore[no-any-return]
