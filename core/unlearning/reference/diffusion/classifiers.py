"""Small classifiers of the character, thing, style and mark that a picture shows.

They are trained on other renderings, some blurred and noisy like generated pictures, and never on a generated one.
`python -m core.unlearning.reference.diffusion.classifiers` writes those that come with the package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy
from transformers import ResNetConfig, ResNetForImageClassification
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from core.unlearning.reference.diffusion.concepts import KINDS, NOTHING, Kind, names_of
from core.unlearning.reference.diffusion.drawing import SIZE
from core.unlearning.reference.diffusion.pixels import draw_many

PICTURES = 12_000
STEPS = 600
_SEED = 1_000_003
"""Differs from every seed that a pipeline is built with."""
_BATCH = 64
_RATE = 4e-3

# Their constructors carry no types.
_ViTImageProcessorPil: Any = ViTImageProcessorPil
_ResNetConfig: Any = ResNetConfig


def build_classifiers(out: Path, seed: int = _SEED, pictures: int = PICTURES, steps: int = STEPS) -> Path:
    """Train one classifier a kind and save it with its processor in `out/<kind>`."""
    scenes, images = draw_many(pictures, np.random.default_rng(seed))
    for kind in KINDS:
        labels = labels_of(kind)
        model = _new_model(labels, seed)
        _train(model, images, torch.tensor([labels.index(scene.label(kind)) for scene in scenes]), steps, seed)
        model.half().save_pretrained(out / kind)
        _processor().save_pretrained(out / kind)
    return out


def labels_of(kind: Kind) -> tuple[str, ...]:
    """The concepts of the kind, and `NOTHING`."""
    return (NOTHING, *names_of(kind))


def _new_model(labels: tuple[str, ...], seed: int) -> Any:
    torch.manual_seed(seed)
    config = _ResNetConfig(
        embedding_size=16,
        hidden_sizes=[16, 32, 64],
        depths=[1, 1, 1],
        layer_type="basic",
        id2label=dict(enumerate(labels)),
        label2id={label: at for at, label in enumerate(labels)},
    )
    return ResNetForImageClassification(config)


def _processor() -> Any:
    """Pictures through Pillow, so that torchvision is not needed."""
    return _ViTImageProcessorPil(
        size={"height": SIZE, "width": SIZE}, image_mean=[0.5, 0.5, 0.5], image_std=[0.5, 0.5, 0.5]
    )


def _train(model: Any, pictures: Tensor, labels: Tensor, steps: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    model.train()
    for _ in range(steps):
        at = torch.randint(len(pictures), (_BATCH,), generator=generator)
        loss = cross_entropy(model(_degrade(pictures[at], generator)).logits, labels[at])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        scheduler.step()
    model.eval()


def _degrade(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Blur and noise of random strength, [N, 3, H, W] in -1..1 to the same."""
    blur, noise = torch.rand(2, len(pictures), 1, 1, 1, generator=generator)
    blurred = avg_pool2d(nn.functional.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    mixed = pictures + 0.6 * blur * (blurred - pictures)
    degraded: Tensor = (mixed + 0.1 * noise * torch.randn(pictures.shape, generator=generator)).clamp(-1, 1)
    return degraded


if __name__ == "__main__":
    build_classifiers(Path(__file__).parent / "data" / "classifiers")
