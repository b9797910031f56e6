"""Contact sheets: pictures of the same seeds before (above) and after (below) the patch."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from core.unlearning.families.diffusion.evaluation.results import PictureEvaluation, PictureRow

_EACH = 3
"""Columns of each split."""
_SIDE, _GAP, _LABEL = 64, 8, 14
_SPLITS = ("forget_concept", "retain_same", "retain_cross")


def comparison_strip(before: PictureEvaluation, after: PictureEvaluation) -> Image.Image:
    """Two rows of pictures: the target, its own kind, and other kinds side by side."""
    columns = [column for split in _SPLITS for column in _pairs(before, after, split)]
    sheet = Image.new("RGB", (len(columns) * _SIDE + (len(_SPLITS) - 1) * _GAP, 2 * _SIDE), "white")
    for n, pair in enumerate(columns):
        for row, picture in enumerate(pair):
            sheet.paste(picture, (n * _SIDE + n // _EACH * _GAP, row * _SIDE))
    return sheet


def stack_strips(strips: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Strips below each other, each under its title."""
    width = max(picture.width for _, picture in strips)
    sheet = Image.new("RGB", (width, sum(picture.height + _LABEL + _GAP for _, picture in strips)), "white")
    draw, top = ImageDraw.Draw(sheet), 0
    for title, picture in strips:
        draw.text((2, top + 1), title, fill="black")
        sheet.paste(picture, (0, top + _LABEL))
        top += picture.height + _LABEL + _GAP
    return sheet


def _pairs(before: PictureEvaluation, after: PictureEvaluation, split: str) -> list[tuple[Image.Image, Image.Image]]:
    both = zip(before.rows, after.rows, strict=True)
    pairs = [(_open(b), _open(a)) for b, a in both if a.split == split and a.picture and b.picture]
    return pairs[:_EACH]


def _open(row: PictureRow) -> Image.Image:
    picture = Image.open(io.BytesIO(row.picture or b"")).convert("RGB")
    return picture.resize(
        (_SIDE, _SIDE), Image.Resampling.NEAREST if picture.width < _SIDE else Image.Resampling.LANCZOS
    )
