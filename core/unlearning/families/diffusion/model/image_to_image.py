"""Pictures that begin with a picture: whether a patch holds where the prompt is not all that the model goes by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from PIL.Image import Image

from core.unlearning.families.diffusion.model.model import DiffusionModel

STRENGTH = 0.7
"""How much of a picture becomes noise before it is drawn on."""


def redraw_from_base(model: DiffusionModel, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image]:
    """One picture for each prompt, begun from what the model draws of it from the same seed without any patch."""
    with _without_adapters(model.pipe):
        pictures = model.draw(prompts, seeds)
    return draw_over(model, prompts, pictures, seeds)


def draw_over(
    model: DiffusionModel, prompts: Sequence[str], pictures: Sequence[Image], seeds: Sequence[int]
) -> list[Image]:
    """Each picture, noised, drawn on with its prompt."""
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
    """Inside, what is loaded on top of the pipeline does nothing."""
    loaded = bool(pipe.get_list_adapters())
    if loaded:
        pipe.disable_lora()
    try:
        yield
    finally:
        if loaded:
            pipe.enable_lora()
