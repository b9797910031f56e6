"""Pictures become latents that the denoiser can use."""

from __future__ import annotations

import torch
from PIL import Image

from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import encode_images
from tests.support.tiny_pipelines import pipeline

RED = Image.new("RGB", (16, 16), "red")
LARGE = 30_000


def test_an_autoencoder_that_overflows_in_half_precision_is_used_in_full() -> None:
    pipe = pipeline("sdxl")
    with torch.no_grad():
        pipe.vae.encoder.conv_in.weight.fill_(LARGE)
    wanted = encode_images(DiffusionModel(pipe), [RED])
    pipe.to(torch.float16)
    found = encode_images(DiffusionModel(pipe), [RED])
    assert torch.allclose(found.float(), wanted, atol=0.01)
    assert (found.dtype, pipe.vae.dtype) == (torch.float16, torch.float16)


def test_pictures_are_encoded_alone_as_together() -> None:
    pipe = pipeline()
    pictures = [RED, Image.new("RGB", (16, 16), "blue"), RED]
    together, alone = (encode_images(DiffusionModel(pipe, batch_limit=batch), pictures) for batch in (None, 1))
    assert torch.allclose(together, alone, atol=1e-5)
    assert len(together) == len(pictures)
