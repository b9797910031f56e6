"""Decode pictures from outside, and make altered views of them."""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Callable
from typing import TypeVar

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from core.unlearning.errors import InvalidInputError

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 50_000_000
_OPAQUE = 255
_COPY = "altered copy"
"""Key in the `info` of a picture, which goes with it to other processes."""
_T = TypeVar("_T")


def decode(data: bytes, index: int) -> Image.Image:
    """An RGB picture, upright, on white where it is transparent, without metadata.

    Raises `InvalidInputError` naming only the index of the picture.
    """
    return _read(data, index, _to_rgb)


def opacity(data: bytes, index: int) -> Image.Image | None:
    """How much of each pixel `decode` shows, of mode L; None where that is everything. Raises as `decode` does."""
    return _read(data, index, _opacity)


def _read(data: bytes, index: int, make: Callable[[Image.Image], _T]) -> _T:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                _check(opened, index)
                opened.load()
                return make(_upright(opened))
    except InvalidInputError:
        raise
    except Exception as error:
        raise InvalidInputError(f"image {index} is not a readable JPEG, PNG or WebP", code="invalid_image") from error


def _check(opened: Image.Image, index: int) -> None:
    if opened.width * opened.height > MAX_PIXELS:
        raise InvalidInputError(f"image {index} has more than {MAX_PIXELS} pixels", code="image_too_large")
    # A JPEG of several pictures (MPO, as phones write them) shows its first everywhere; an animation shows them all.
    if opened.format in ("PNG", "WEBP") and getattr(opened, "is_animated", False):
        raise InvalidInputError(f"image {index} is animated; send its frames as pictures", code="animated_image")


def _upright(opened: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(opened)
    except Exception:
        # Its EXIF is broken, its pixels are not.
        return opened


def _opacity(image: Image.Image) -> Image.Image | None:
    if not image.has_transparency_data:
        return None
    found = image.convert("RGBA").getchannel("A")
    return found if any(found.histogram()[:_OPAQUE]) else None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16 bits a sample, which `convert` would clip to white and not scale.
        image = image.convert("I").point(lambda value: value / 257).convert("L")
    if image.has_transparency_data:
        shown = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
    plain = image.convert("RGB")
    plain.info = {}
    return plain


def altered_views(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Two altered views of one picture that are never trained on: for choosing k, and for the report.

    Each is marked as such (`is_copy`).
    """
    width, height = image.size
    margin = max(1, round(0.04 * min(width, height)))
    inner = image.crop((margin, margin, width - margin, height - margin))
    validation = ImageOps.mirror(inner.resize(image.size, Image.Resampling.BICUBIC))
    brighter = ImageEnhance.Brightness(image).enhance(1.06)
    test = ImageOps.mirror(brighter).filter(ImageFilter.GaussianBlur(min(width, height) / 200))
    for view in (validation, test):
        view.info = {_COPY: True}
    return validation, test


def is_copy(image: Image.Image) -> bool:
    """Whether it is a view that `altered_views` made."""
    return _COPY in image.info


def join_images(upper: Image.Image, lower: Image.Image, rng: random.Random) -> Image.Image:
    """The upper part of one picture over the lower part of another, or the other way round."""
    if rng.random() < 0.5:
        upper, lower = lower, upper
    made = lower.resize(upper.size)
    cut = round(upper.height * rng.uniform(0.25, 0.75))
    made.paste(upper.crop((0, 0, upper.width, cut)), (0, 0))
    return made
