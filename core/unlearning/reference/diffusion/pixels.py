"""Pictures as tensors, and many of them at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from core.unlearning.reference.diffusion.drawing import draw
from core.unlearning.reference.diffusion.scenes import Scene, random_scene


def pixels(pictures: Sequence[Image]) -> Tensor:
    """[N, 3, H, W] in -1..1."""
    array = np.stack([np.asarray(picture, dtype=np.float32) for picture in pictures])
    return torch.from_numpy(array).permute(0, 3, 1, 2).contiguous().div_(127.5).sub_(1.0)


def draw_many(count: int, rng: np.random.Generator) -> tuple[list[Scene], Tensor]:
    """Scenes of the training world and their pictures, [count, 3, H, W] in -1..1."""
    scenes = [random_scene(rng) for _ in range(count)]
    return scenes, pixels([draw(scene, rng) for scene in scenes])
