"""Evaluating a painter whose pictures are known: each concept is a colour, and a classifier reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from PIL import Image

from core.unlearning.families.diffusion.evaluation.attacks import IMAGE_TO_IMAGE, TEMPLATES
from core.unlearning.families.diffusion.evaluation.compare import compared, is_changed
from core.unlearning.families.diffusion.evaluation.evaluate import CHUNK, evaluate, evaluation_steps
from core.unlearning.families.diffusion.evaluation.frechet import frechet_distance, gaussian_distance
from core.unlearning.families.diffusion.evaluation.specificity import Edit, ratio, response
from core.unlearning.families.diffusion.judges.classifiers import Prediction
from core.unlearning.families.diffusion.judges.judges import Judges
from core.unlearning.progress import Silent
from core.unlearning.types import Example

COLOURS = {"ada": (200, 0, 0), "bo": (0, 200, 0), "nobody": (0, 0, 200)}


@dataclass
class Painter:
    forgotten: tuple[str, ...] = ()
    drawn: list[tuple[str, int]] = field(default_factory=list)

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image.Image]:
        self.drawn += zip(prompts, seeds, strict=True)
        return [self._one(prompt, seed) for prompt, seed in zip(prompts, seeds, strict=True)]

    def _one(self, prompt: str, seed: int) -> Image.Image:
        name = next((n for n in COLOURS if n in prompt and n not in self.forgotten), "nobody")
        red, green, blue = COLOURS[name]
        return Image.new("RGB", (8, 8), (red + seed % 5, green + seed % 7, blue + seed % 3))


class Reader:
    labels = tuple(COLOURS)

    def classify(self, images: Sequence[Image.Image]) -> list[Prediction]:
        found = []
        for image in images:
            features = torch.tensor(image.getpixel((0, 0)), dtype=torch.float32) / 255
            shares = dict(zip(COLOURS, features.softmax(-1).tolist(), strict=True))
            found.append(Prediction(max(shares, key=shares.__getitem__), shares, features))
        return found


class Counting(Silent):
    steps = 0

    def step(self, *, loss: float | None = None) -> None:
        self.steps += 1


JUDGES = Judges({"identity": Reader()})
EXAMPLES = [
    *(Example("forget_concept", f"ada {n}", "Ada", subject="ada") for n in range(20)),
    *(Example("retain_same", f"bo {n}", "bo", subject="bo") for n in range(30)),
    *(Example("general", f"a tree {n}", "") for n in range(3)),
]


def test_forgetting_and_keeping_show() -> None:
    before = evaluate(Painter(), JUDGES, EXAMPLES, level="standard", progress=Silent())
    after = evaluate(Painter(("ada",)), JUDGES, EXAMPLES, level="standard", progress=Silent())
    assert (before.value("forget_concept", "ua"), after.value("forget_concept", "ua")) == (0.0, 1.0)
    assert before.value("retain_same", "ira") == after.value("retain_same", "ira") == 1.0
    assert (after.splits["general"].known, after.recall("general")) == (0, None)
    assert is_changed(before, after)
    assert not is_changed(before, before)
    told = compared(before, after)
    assert told.splits["retain_same"].distance == pytest.approx(0, abs=1e-9)
    assert told.splits["forget_concept"].distance == pytest.approx(2 * (200 / 255) ** 2, rel=0.05)
    assert told.splits["general"].distance is None


@pytest.mark.parametrize("level", ["quick", "standard", "thorough"])
def test_steps_are_foretold_and_seeds_are_the_same(level: str) -> None:
    one, other, progress = Painter(), Painter(("ada",)), Counting()
    evaluate(one, JUDGES, EXAMPLES, level=level, progress=progress)
    evaluate(other, JUDGES, EXAMPLES, level=level, progress=Silent())
    assert progress.steps == evaluation_steps(EXAMPLES, level) >= len(EXAMPLES) // CHUNK
    assert one.drawn == other.drawn


def test_asking_otherwise_is_measured_when_it_is_asked_for() -> None:
    painter, progress = Painter(("ada",)), Counting()
    found = evaluate(painter, JUDGES, EXAMPLES, level="thorough", progress=progress, redraw=Painter().draw)
    assert {check.check: check.recognised for check in found.robustness} == {
        **dict.fromkeys(TEMPLATES, 0.0),
        IMAGE_TO_IMAGE: 1.0,
    }
    assert progress.steps == evaluation_steps(EXAMPLES, "thorough", redraw=True)


def test_distance_of_gaussians_with_a_closed_form() -> None:
    mean, other = np.array([0.0, 1.0]), np.array([3.0, 5.0])
    apart = gaussian_distance(mean, np.diag([1.0, 4.0]), other, np.diag([9.0, 16.0]))
    assert apart == pytest.approx(25 + (1 - 3) ** 2 + (2 - 4) ** 2)
    assert gaussian_distance(mean, np.zeros((2, 2)), other, np.zeros((2, 2))) == pytest.approx(25)


def test_distance_of_samples_approaches_it() -> None:
    draw = np.random.default_rng(0)
    one, other = draw.normal(0, 1, (20_000, 3)), draw.normal(2, 3, (20_000, 3))
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(one, other) == pytest.approx(3 * (4 + 4), rel=0.05)
    with pytest.raises(ValueError, match="two pictures"):
        frechet_distance(one[:1], other)


def test_a_patch_answers_to_its_target() -> None:
    target, control = torch.eye(4)[:1], torch.eye(4)[1:2]
    edit = Edit(torch.eye(4), lora_a=target, lora_b=-0.9 * target.T)
    found = {"target": response([edit], target), "control": response([edit], control)}
    assert found["target"] == pytest.approx(0.9)
    assert found["control"] == 0.0
    assert ratio(0.9, [0.3, 0.1]) == pytest.approx(3.0)
    assert ratio(0.9, []) is None
