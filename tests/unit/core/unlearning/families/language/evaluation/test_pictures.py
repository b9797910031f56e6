"""Changed pictures: each is what it is called, the same every time, and the original stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core.unlearning.families.language.evaluation.picture_changes import CHANGES, apply_change
from core.unlearning.types import Example


def _picture(size: tuple[int, int] = (48, 60)) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 6, size[0] // 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.NEAREST)


def _examples() -> list[Example]:
    return [Example("forget_image_memory", f"Who? {n}", "Ada", _picture()) for n in range(3)] + [
        Example("forget_text_memory", "Where?", "Lima")
    ]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seeded_and_keeps_the_size(change: str) -> None:
    examples = _examples()
    before = [np.asarray(e.image).copy() for e in examples[:3]]
    found, again, other = (apply_change(examples, change, seed) for seed in (0, 0, 1))
    assert len(found) == 3
    for one, same, plain in zip(found, again, before, strict=True):
        assert one.image is not None
        assert (one.image.size, one.image.mode) == ((48, 60), "RGB")
        assert np.array_equal(np.asarray(one.image), np.asarray(same.image))
        assert not np.array_equal(np.asarray(one.image), plain)
    assert any(not np.array_equal(np.asarray(a.image), np.asarray(b.image)) for a, b in zip(found, other, strict=True))
    assert all(np.array_equal(np.asarray(e.image), was) for e, was in zip(examples, before, strict=False))


def test_what_each_change_does() -> None:
    picture = _picture((96, 96))
    plain = np.asarray(picture, dtype=float)
    made = {}
    for change in CHANGES:
        (one,) = apply_change([Example("forget_image_memory", "Who?", "Ada", picture)], change, 0)
        made[change] = np.asarray(one.image, dtype=float)
    steps = {name: np.abs(np.diff(pixels, axis=1)).max() for name, pixels in made.items()}
    assert steps["blur"] < np.abs(np.diff(plain, axis=1)).max()
    corner = made["rotation"][0, 0]
    assert np.abs(corner - plain.mean(axis=(0, 1))).max() < 2
    assert len(np.unique(made["crop"].reshape(-1, 3), axis=0)) > len(np.unique(plain.reshape(-1, 3), axis=0))
    assert 0 < np.abs(made["jpeg"] - plain).mean() < 40
