"""Pictures cropped, blurred, rotated or compressed, as copies found elsewhere often are; seeded."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from PIL import Image, ImageFilter, ImageStat

from core.unlearning.types import Example

Change = Callable[[Image.Image, random.Random], Image.Image]


def crop(image: Image.Image, rng: random.Random) -> Image.Image:
    """85 % of each side, from anywhere, at the old size."""
    width, height = (round(0.85 * side) for side in image.size)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return image.resize(image.size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))


def blur(image: Image.Image, rng: random.Random) -> Image.Image:
    """Gaussian, of 1 to 2 % of the shorter side."""
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.01, 0.02) * min(image.size)))


def rotate(image: Image.Image, rng: random.Random) -> Image.Image:
    """By 5 to 10 degrees either way; the corners take the picture's mean colour."""
    angle = rng.choice((-1, 1)) * rng.uniform(5, 10)
    red, green, blue = (round(value) for value in ImageStat.Stat(image).mean)
    return image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=(red, green, blue))


def compress(image: Image.Image, rng: random.Random) -> Image.Image:
    """As a JPEG of quality 30 to 50."""
    held = io.BytesIO()
    image.save(held, "JPEG", quality=rng.randint(30, 50))
    with Image.open(held) as opened:
        return opened.convert("RGB")


CHANGES: Mapping[str, Change] = {"crop": crop, "blur": blur, "rotation": rotate, "jpeg": compress}


def apply_change(examples: Sequence[Example], change: str, seed: int) -> list[Example]:
    """The examples with a picture, their picture changed by `CHANGES[change]`."""
    pictured = [e for e in examples if e.image is not None]
    return [
        replace(e, image=CHANGES[change](e.image, random.Random(f"{seed} {change} {n}")))  # noqa: S311
        for n, e in enumerate(pictured)
        if e.image is not None
    ]
