"""What pictures Forget-Me-Not draws of what is kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from PIL import Image

from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.training_data import encode_data
from core.unlearning.types import Entity, Example, JobData
from tests.support.tiny_pipelines import pipeline

_NAMES = ("pat", "kim", "ann", "eve", "joe")


@pytest.mark.parametrize(
    ("adversaries", "brought", "shown"), [(0, 0, [0, 1, 2]), (1, 0, [0, 2, 4]), (1, 2, [0, 0, 0, 2, 4])]
)
def test_pictures_are_of_all_that_is_kept_against_adversaries(
    adversaries: int, brought: int, shown: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def draw(_: DiffusionModel, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image.Image]:
        assert len(seeds) == len(prompts)
        asked.extend(prompts)
        return [Image.new("RGB", (16, 16), "red") for _ in prompts]

    monkeypatch.setattr(DiffusionModel, "draw", draw)
    red = Image.new("RGB", (16, 16), "red")
    kept = [Example("retain_same", f"a {name}", name) for name in _NAMES]
    data = JobData(
        (*kept, Example("forget_concept", "a bob", "", red, subject="bob")),
        (),
        (),
        entity=Entity("bob", "object"),
        general_images=(red,) * brought,
    )
    course = encode_data(DiffusionModel(pipeline()), data, Options(pictures=3, others=3), adversaries)
    assert course.other_prompts.tolist() == shown
    assert asked == [["", *(f"a {name}" for name in _NAMES)][n] for n in shown[brought:]]
    assert len(course.other_latents) == len(shown)
