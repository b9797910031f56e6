"""The benchmark of pipelines of real shapes, on tiny ones in half precision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.concepts.random_pipeline import SHAPES, build
from benchmarks.concepts.shapes import TRIALS, measure_job

pytestmark = pytest.mark.slow


def test_a_job_is_timed(tmp_path: Path) -> None:
    base = build("tiny-sdxl", tmp_path / "base", device="cpu", dtype=torch.float16)
    published = replace(TRIALS[1], options={**TRIALS[1].options, "precision": "float16"})
    bars = {bar.name.partition(": ")[2]: bar for bar in measure_job("tiny-sdxl", base, published, steps=1)}
    assert 0 < bars["method, seconds"].value < bars["whole job, seconds"].value
    assert bars["method, seconds"].bound is None
    assert bars["patch, KB"].value > 1


def test_real_shapes_are_those_of_the_published_models() -> None:
    """Numbers of parameters of the denoisers: 860 million, and 2.6 billion."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        counts = {
            shape: sum(p.numel() for p in UNet2DConditionModel(**SHAPES[shape].unet).parameters())  # type: ignore[no-untyped-call]
            for shape in ("sd15", "sdxl")
        }
    assert counts == {"sd15": 859_520_964, "sdxl": 2_567_463_684}
