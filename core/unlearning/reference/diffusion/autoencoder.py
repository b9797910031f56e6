"""Stage one: trains the autoencoder of pictures and latents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from core.unlearning.reference.schedule import schedule

_BATCH = 32
_RATE = 2e-3
_KL = 1e-6


def train_autoencoder(vae: Any, pictures: Tensor, steps: int, seed: int, on_step: Callable[[float], None]) -> None:
    """Train on `pictures` [N, 3, H, W] in -1..1, and set `scaling_factor` so that latents have unit variance."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(vae.parameters(), lr=_RATE, weight_decay=0.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, schedule(steps, warmup=max(1, steps // 20), flat=0.5))
    vae.train()
    for _ in range(steps):
        batch = pictures[torch.randint(len(pictures), (_BATCH,), generator=generator)]
        posterior = vae.encode(batch).latent_dist
        restored = vae.decode(posterior.sample(generator)).sample
        loss = mse_loss(restored, batch) + 0.2 * l1_loss(restored, batch) + _KL * posterior.kl().mean()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        scheduler.step()
        on_step(float(loss.detach()))
    vae.eval()
    vae.register_to_config(scaling_factor=1.0 / float(_latents(vae, pictures[:1024]).std()))


def encode(vae: Any, pictures: Tensor) -> Tensor:
    """The scaled latents [N, C, h, w] of the pictures, without sampling noise."""
    return _latents(vae, pictures) * float(vae.config.scaling_factor)


@torch.no_grad()
def _latents(vae: Any, pictures: Tensor) -> Tensor:
    return torch.cat([vae.encode(batch).latent_dist.mean for batch in torch.split(pictures, 256)])
