"""Stage two: trains text encoder and UNet together to denoise the latents of captioned pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from core.unlearning.reference.diffusion.captions import caption
from core.unlearning.reference.diffusion.scenes import Scene
from core.unlearning.reference.schedule import schedule

_BATCH = 64
_RATE = 1.5e-3
_UNCAPTIONED = 0.1
_DECAY = 0.995


def train_denoiser(
    pipeline: Any, scenes: Sequence[Scene], latents: Tensor, steps: int, seed: int, on_step: Callable[[float], None]
) -> None:
    """Train on scaled `latents` [N, C, h, w] of `scenes`; every use has a new caption. Keeps averaged weights."""
    rng, generator = np.random.default_rng([seed, 2]), torch.Generator().manual_seed(seed)
    both = nn.ModuleDict({"text_encoder": pipeline.text_encoder, "unet": pipeline.unet}).train()
    averages: Any = get_ema_multi_avg_fn
    averaged = AveragedModel(both, multi_avg_fn=averages(_DECAY))
    optimiser = torch.optim.AdamW(both.parameters(), lr=_RATE, weight_decay=0.01, betas=(0.9, 0.99))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, schedule(steps, warmup=max(1, steps // 24), flat=0.5))
    for _ in range(steps):
        at = torch.randint(len(latents), (_BATCH,), generator=generator)
        loss = _loss(pipeline, latents[at], _captions([scenes[i] for i in at.tolist()], rng), generator)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimiser.step()
        scheduler.step()
        averaged.update_parameters(both)
        on_step(float(loss.detach()))
    both.load_state_dict(averaged.module.state_dict())
    both.eval()


def _captions(scenes: Sequence[Scene], rng: np.random.Generator) -> list[str]:
    return ["" if rng.random() < _UNCAPTIONED else caption(scene, "train", rng) for scene in scenes]


def _loss(pipeline: Any, clean: Tensor, captions: list[str], generator: torch.Generator) -> Tensor:
    """The mean squared error of the predicted velocity, at one random time a picture."""
    tokens = pipeline.tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids
    noise = torch.randn(clean.shape, generator=generator)
    times = torch.randint(pipeline.scheduler.config.num_train_timesteps, (len(clean),), generator=generator)
    noised, target = (do(clean, noise, times) for do in (pipeline.scheduler.add_noise, pipeline.scheduler.get_velocity))
    states = pipeline.text_encoder(tokens).last_hidden_state
    return mse_loss(pipeline.unet(noised, times, encoder_hidden_states=states).sample, target)
