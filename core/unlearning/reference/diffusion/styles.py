"""The styles: transformations of a finished picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels: TypeAlias = npt.NDArray[np.float32]
"""[H, W, 3] in 0..255."""

_PERIOD = 4
_EDGE = 26.0
_TINT = 0.65
_SHADE = 0.45


def apply_style(picture: Image.Image, style: str | None) -> Image.Image:
    """The picture in this style; `None` leaves it as it is."""
    if style is None:
        return picture
    pixels = STYLES[style](np.asarray(picture, dtype=np.float32))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _outline(pixels: Pixels) -> Pixels:
    """White, with darkened colours where neighbouring pixels differ."""
    padded = np.pad(pixels, ((0, 1), (0, 1), (0, 0)), mode="edge")
    right, below = padded[:-1, 1:], padded[1:, :-1]
    step = np.maximum(abs(pixels - right).max(-1), abs(pixels - below).max(-1))
    darkest = np.minimum(pixels, np.minimum(right, below))
    return np.where((step > _EDGE)[..., None], 0.75 * darkest, np.float32(252))


def _shaded(pixels: Pixels, where: npt.NDArray[np.bool_]) -> Pixels:
    return np.where(where[..., None], pixels * np.float32(_SHADE), pixels)


def _grid(pixels: Pixels) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    places: npt.NDArray[np.int64] = np.indices(pixels.shape[:2]).astype(np.int64)
    return places[0], places[1]


def _dotted(pixels: Pixels) -> Pixels:
    rows, columns = _grid(pixels)
    return _shaded(pixels, ((rows % _PERIOD) // 2 == 0) & ((columns % _PERIOD) // 2 == 0))


def _striped(pixels: Pixels) -> Pixels:
    return _shaded(pixels, _grid(pixels)[0] % _PERIOD < 2)


def _checked(pixels: Pixels) -> Pixels:
    rows, columns = _grid(pixels)
    return _shaded(pixels, (rows // _PERIOD + columns // _PERIOD) % 2 == 0)


def _wash(*tint: int) -> Callable[[Pixels], Pixels]:
    """Mixes every colour with `tint` at the colour's own lightness."""

    def washed(pixels: Pixels) -> Pixels:
        light = pixels.mean(-1, keepdims=True) / 255
        mixed: Pixels = (1 - _TINT) * pixels + _TINT * light * np.asarray(tint, dtype=np.float32)
        return mixed

    return washed


def _negative(pixels: Pixels) -> Pixels:
    return 255 - pixels


STYLES: Mapping[str, Callable[[Pixels], Pixels]] = {
    "outline": _outline,
    "dotted": _dotted,
    "striped": _striped,
    "checked": _checked,
    "sepia wash": _wash(220, 160, 60),
    "azure wash": _wash(30, 120, 255),
    "rose wash": _wash(255, 60, 150),
    "negative": _negative,
}
"""The transformation of each style."""
