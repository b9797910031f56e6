"""Stage one: trains the vision tower to classify attributes on pictures of random faces, without any names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LlavaForConditionalGeneration

from core.unlearning.reference.mllm.faces import draw_person, draw_shape
from core.unlearning.reference.mllm.looks import ATTRIBUTES, PAINT_NAMES, SHAPE_NAMES, random_code, random_scene
from core.unlearning.reference.mllm.packing import pixels
from core.unlearning.reference.mllm.rows import random_shape
from core.unlearning.reference.schedule import schedule

_BATCH = 128
_SHAPES = 0.15
SIZES = (
    *(size for _, size in ATTRIBUTES),
    len(PAINT_NAMES),
    len(PAINT_NAMES),
    2,
    2,
    len(SHAPE_NAMES),
    len(PAINT_NAMES),
)
_IGNORE = -100


def random_example(rng: np.random.Generator) -> tuple[object, list[int]]:
    faces, shapes = len(ATTRIBUTES), 2
    if rng.random() < _SHAPES:
        shape, colour, scene = random_shape(rng)
        labels = [
            PAINT_NAMES.index(scene.background),
            *[_IGNORE] * 3,
            SHAPE_NAMES.index(shape),
            PAINT_NAMES.index(colour),
        ]
        return draw_shape(shape, colour, scene), [_IGNORE] * faces + labels
    code, scene = random_code(rng), random_scene(rng)
    labels = [PAINT_NAMES.index(scene.background), PAINT_NAMES.index(scene.shirt), int(scene.hat), int(scene.glasses)]
    return draw_person(code, scene), [*code, *labels, *[_IGNORE] * shapes]


def attribute_loss(logits: Tensor, labels: Tensor) -> Tensor:
    parts = torch.split(logits, list(SIZES), dim=1)
    losses = [cross_entropy(part, labels[:, at], ignore_index=_IGNORE) for at, part in enumerate(parts)]
    return torch.stack(losses).mean()


def train_vision(
    model: LlavaForConditionalGeneration, steps: int, rng: np.random.Generator, on_step: Callable[[float], None]
) -> None:
    """Train the vision tower to classify every attribute, with a linear head that is discarded afterwards."""
    tower = model.model.vision_tower
    head = nn.Linear(tower.config.hidden_size, sum(SIZES))
    parameters = [*tower.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=4e-3, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, schedule(steps, warmup=40, flat=0.4))
    for _ in range(steps):
        images, labels = zip(*(random_example(rng) for _ in range(_BATCH)), strict=True)
        features = tower(pixel_values=pixels(images)).last_hidden_state[:, 1:].mean(dim=1)
        loss = attribute_loss(head(features), torch.tensor(labels))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        scheduler.step()
        on_step(float(loss.detach()))
