"""Image-to-image generation: whether a patch holds where a picture conditions the model besides the prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from PIL.Image import Image

from core.unlearning.families.diffusion.model.model import DiffusionModel

STRENGTH = 0.7
"""Share of the noise schedule that is applied to the picture first."""


def redraw_from_base(model: DiffusionModel, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image]:
    """One picture for each prompt, starting from the picture that the unpatched model draws from the same seed."""
    with _without_adapters(model.pipe):
        pictures = model.draw(prompts, seeds)
    return draw_over(model, prompts, pictures, seeds)


def draw_over(
    model: DiffusionModel, prompts: Sequence[str], pictures: Sequence[Image], seeds: Sequence[int]
) -> list[Image]:
    """Noise each picture and denoise it with its prompt."""
    # Imports every pipeline that diffusers has, and few jobs come here.
    from diffusers import AutoPipelineForImage2Image

    convert: Any = AutoPipelineForImage2Image
    pipe, made = convert.from_pipe(model.pipe), list[Image]()
    pipe.set_progress_bar_config(disable=True)
    for start in range(0, len(pictures), model.batch_size):
        batch = slice(start, start + model.batch_size)
        made += pipe(
            prompt=list(prompts[batch]),
            image=[picture.resize((model.side, model.side)) for picture in pictures[batch]],
            strength=STRENGTH,
            num_inference_steps=model.steps,
            guidance_scale=model.guidance,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds[batch]],
        ).images
    return made


@contextmanager
def _without_adapters(pipe: Any) -> Iterator[None]:
    """Disable the pipeline's adapters."""
    loaded = bool(pipe.get_list_adapters())
    if loaded:
        pipe.disable_lora()
    try:
        yield
    finally:
        if loaded:
            pipe.enable_lora()
