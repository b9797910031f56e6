"""From a request to prompts in three parts, on a tiny pipeline with a classifier that reads colours."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.diffusion.data.build import build_data
from core.unlearning.families.diffusion.judges.classifiers import Prediction
from core.unlearning.families.diffusion.judges.judges import Judges
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.training.invert_pictures import is_unnamed
from core.unlearning.progress import Silent
from core.unlearning.types import Entity, ForgetRequest, JobData, Retain
from tests.support.tiny_pipelines import pipeline, retain_set

RED, BLUE = "red", "blue"


class Reader:
    labels = ("none", "bob", "pat")

    def classify(self, images: Sequence[Image.Image]) -> list[Prediction]:
        found = []
        for image in images:
            red, _, blue = image.getpixel((0, 0))
            label = "bob" if red > 128 else "pat" if blue > 128 else "none"
            found.append(Prediction(label, {name: float(name == label) for name in self.labels}, torch.zeros(2)))
        return found


def picture(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def model() -> DiffusionModel:
    return DiffusionModel(pipeline(), judges=Judges({"object": Reader()}))


@pytest.fixture
def build(model: DiffusionModel, tmp_path: Path) -> Any:
    known = retain_set(tmp_path, object=("bob", "pat"), style=("wash",))

    def built(entity: Entity, **more: Any) -> JobData:
        return build_data(model, ForgetRequest(entity, **more), known, Silent(), 0)

    return built


def asked(data: JobData, split: str, part: str = "test") -> set[tuple[str, str]]:
    return {(e.question, e.answer) for e in data.part(part) if e.split == split}  # type: ignore[arg-type]


def test_a_known_name_brings_the_prompts_it_is_registered_with(build: Any) -> None:
    data = build(Entity("Bob", "object"))
    assert asked(data, "forget_concept") == {("test a of bob", "Bob"), ("test b of bob", "Bob")}
    assert asked(data, "retain_same") == {("test a of pat", "pat"), ("test b of pat", "pat")}
    assert {answer for _, answer in asked(data, "retain_cross")} == {"wash"}
    questions = [{e.question for e in data.part(part)} for part in ("train", "validation", "test")]
    assert not questions[0] & questions[1]
    assert not questions[1] & questions[2]


def test_prompts_that_do_not_name_it_are_indirect(build: Any) -> None:
    data = build(Entity("harm", "concept"), prompts=("a flag", "harm now", "a bottle", "a sign"))
    assert asked(data, "forget_indirect", "train") >= {("a flag", "harm")}
    assert ("harm now", "harm") in asked(data, "forget_concept", "train")
    assert asked(data, "forget_indirect") == {("a sign", "harm")}


def test_pictures_say_what_a_word_of_two_meanings_draws(build: Any) -> None:
    images = (picture(RED), picture(RED), picture("black"))
    data = build(Entity("robin", "object"), images=images, replacement="pat", prompts=("see robin",))
    answers = {(e.answer, e.instead) for e in data.test if e.split.startswith("forget_")}
    assert answers == {("bob", "pat")}
    assert {answer for _, answer in asked(data, "retain_same")} == {"bob", "pat"}


def test_the_name_of_what_nameless_pictures_show_is_forgotten_with_them(build: Any) -> None:
    data = build(Entity(None, "object"), images=(picture(BLUE), picture(BLUE)))
    assert asked(data, "forget_concept") == {("test a of pat", "pat"), ("test b of pat", "pat")}
    assert asked(data, "forget_concept", "train") >= {("train a of pat", "pat"), ("train b of pat", "pat")}
    assert {answer for _, answer in asked(data, "retain_same")} == {"bob"}
    assert not any("pat" in e.question for e in data.train if not e.split.startswith("forget_"))
    assert [e.subject for e in data.train if e.image is not None] == [None, None]
    assert is_unnamed(data)


def test_what_a_picture_hides_is_masked(build: Any) -> None:
    shown = Image.new("RGBA", (16, 16), "blue")
    shown.putalpha(Image.new("L", (16, 16), 0))
    shown.paste((0, 0, 255, 255), (0, 0, 8, 16))
    file = io.BytesIO()
    shown.save(file, "PNG")
    data = build(Entity("pat", "object"), images=(file.getvalue(), picture(BLUE)))
    masks = [e.mask for e in data.train if e.image is not None]
    assert masks[0] is not None
    assert masks[1] is None
    assert (masks[0].getpixel((0, 0)), masks[0].getpixel((15, 0))) == (255, 0)


def test_pictures_to_keep_are_handed_on(build: Any) -> None:
    data = build(Entity("pat", "object"), retain=Retain(images=(picture(RED),)))
    assert [image.getpixel((0, 0)) for image in data.general_images] == [(255, 0, 0)]


def test_what_the_pictures_show_may_be_nothing_known(build: Any) -> None:
    data = build(Entity(None, "object"), images=(picture("black"),))
    assert asked(data, "forget_concept") == set()


def test_a_request_must_bring_something(build: Any) -> None:
    with pytest.raises(InvalidInputError):
        build(Entity(None, "object"))
