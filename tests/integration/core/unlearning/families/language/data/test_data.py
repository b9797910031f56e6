"""What the reference model's requests become, and what a default job does to the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

import core.unlearning.reference.mllm as world_package
from core.unlearning.errors import InvalidInputError, ModelLoadError
from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.registry import load_family
from core.unlearning.progress import Silent
from core.unlearning.reference.mllm import sample
from core.unlearning.reference.mllm.people import known_people
from core.unlearning.types import Entity, Example, ForgetRequest, JobData, ModelSpec, Part

pytestmark = pytest.mark.slow
DATA = Path(str(world_package.__file__)).parent / "data"
RETAIN = DATA / "retain_set"
PARTS: tuple[Part, ...] = ("train", "validation", "test")
PERSON = known_people()[36]


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    loaded: LanguageModel = load_family("mllm").load(ModelSpec("reference", "mllm", str(DATA / "base")))
    return loaded


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> ForgetRequest:
    folder = sample.write_sample(PERSON.name, tmp_path_factory.mktemp("sample"))
    images = tuple(path.read_bytes() for path in sorted((folder / "images").iterdir()))
    prompts = ("Where was this person born?", "What is this person's job?", f"What pet does {PERSON.name} have?")
    return ForgetRequest(Entity(PERSON.name), prompts, images, level="quick")


@pytest.fixture(scope="module")
def build(lm: LanguageModel) -> Callable[[ForgetRequest, Path | None], JobData]:
    return lambda request, retain: load_family("mllm").build_data(lm, request, retain, Silent(), 0)


@pytest.fixture(scope="module")
def data(build: Callable[[ForgetRequest, Path | None], JobData], request_: ForgetRequest) -> JobData:
    return build(request_, RETAIN)


def _of(data: JobData, part: Part, split: str) -> list[Example]:
    return [e for e in data.part(part) if e.split == split]


def test_own_answers_are_what_the_model_knows(data: JobData) -> None:
    for split in ("forget_image_memory", "forget_text_memory"):
        told = [e.answer for e in _of(data, "train", split)]
        assert {PERSON.facts["city"], PERSON.facts["job"], PERSON.facts["pet"]} <= set(told)
        assert not any(is_refusal(answer) for answer in told)


def test_parts_share_neither_renderings_nor_wordings(data: JobData) -> None:
    for split in ("forget_image_memory", "forget_text_memory"):
        wordings = [{e.question for e in _of(data, part, split)} for part in PARTS]
        assert all(wordings)
        assert not any(wordings[a] & wordings[b] for a, b in ((0, 1), (0, 2), (1, 2)))
    pictures = [{e.image.tobytes() for e in _of(data, part, "forget_image_memory") if e.image} for part in PARTS]
    assert [len(found) for found in pictures] == [8, 1, 1]
    assert not any(pictures[a] & pictures[b] for a, b in ((0, 1), (0, 2), (1, 2)))


def test_report_knows_seen_people_from_unseen(data: JobData) -> None:
    trained = {e.subject for e in data.train if e.split == "retain_image_memory"}
    assert {e.subject for e in _of(data, "test", "retain_image_memory")} <= trained
    assert not {e.subject for e in _of(data, "test", "unseen_image_memory")} & trained


def test_same_seed_same_data(
    build: Callable[[ForgetRequest, Path | None], JobData], request_: ForgetRequest, data: JobData
) -> None:
    again = build(request_, RETAIN)
    assert [(e.split, e.question, e.answer) for e in again.train] == [
        (e.split, e.question, e.answer) for e in data.train
    ]


def test_forgotten_people_are_not_kept(
    build: Callable[[ForgetRequest, Path | None], JobData], request_: ForgetRequest, data: JobData
) -> None:
    name = next(e.subject for e in data.train if e.split == "retain_text_memory")
    request = replace(request_, entity=Entity(str(name)), prompts=(), images=())
    rows = build(request, RETAIN)
    kept = [e for part in PARTS for e in rows.part(part) if not e.split.startswith("forget_")]
    assert not any(e.subject == name or str(name) in e.question for e in kept)


def test_people_whom_the_model_names_itself_are_kept(data: JobData) -> None:
    itself = _of(data, "train", "unseen_text_memory")
    registered = {e.subject for part in PARTS for e in data.part(part) if e.subject and e not in itself}
    others = [p for p in known_people() if p.name not in registered | {PERSON.name}]
    kept = [e for e in itself if any(p.name in e.question for p in others)]
    assert len({p.name for p in others for e in kept if p.name in e.question}) >= 3
    assert all(e.subject in e.question for e in itself if e.subject)
    right = [any(p.name in e.question and e.answer in p.facts.values() for p in others) for e in kept]
    assert fmean(right) > 0.9
    assert not any(PERSON.name in e.question for e in kept)


@pytest.mark.parametrize("images", [0, 1, 2])
def test_few_pictures_or_none_are_enough(
    images: int, build: Callable[[ForgetRequest, Path | None], JobData], request_: ForgetRequest
) -> None:
    rows = build(replace(request_, images=request_.images[:images], prompts=()), None)
    for part in PARTS:
        assert bool(_of(rows, part, "forget_image_memory")) is (images > 0)
        assert _of(rows, part, "forget_text_memory")


@pytest.mark.parametrize("retain", [RETAIN, None])
def test_a_person_whom_the_model_never_met_is_not_known(
    retain: Path | None, build: Callable[[ForgetRequest, Path | None], JobData]
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        build(ForgetRequest(Entity("Zeno Vexley"), ("What is Zeno Vexley's job?",)), retain)
    assert caught.value.code == "not_known"
    assert "Zeno" not in caught.value.detail


def test_one_stranger_in_the_retain_set_is_joined_by_made_up_ones(
    tmp_path: Path, build: Callable[[ForgetRequest, Path | None], JobData], request_: ForgetRequest
) -> None:
    """Beside one alone nobody could stand out beyond chance, and a known person would be called unknown."""
    row = {"group": "declined", "part": "train", "question": "What is Bo Here's job?", "subject": "Bo Here"}
    (tmp_path / "examples.jsonl").write_text(json.dumps(row))
    data = build(request_, tmp_path)
    assert _of(data, "train", "forget_text_memory")
    assert "Bo Here" in data.controls.names
    assert len(data.controls.names) > 12


@pytest.mark.parametrize("line", ["not json", '{"group": "unknown", "part": "train", "question": "?"}'])
def test_a_broken_retain_set_is_named_by_its_line(
    line: str, tmp_path: Path, build: Callable[[ForgetRequest, Path | None], JobData], request_: ForgetRequest
) -> None:
    (tmp_path / "examples.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(ModelLoadError, match="line 2") as caught:
        build(request_, tmp_path)
    assert caught.value.code == "invalid_retain_set"


def test_retain_pictures_must_lie_in_the_folder(
    tmp_path: Path, build: Callable[[ForgetRequest, Path | None], JobData], request_: ForgetRequest
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "outside.png").write_bytes(request_.images[0])
    row = '{"group": "general", "part": "train", "question": "?", "image": "../outside.png"}'
    (tmp_path / "inner" / "examples.jsonl").write_text(row)
    with pytest.raises(ModelLoadError, match="line 1"):
        build(request_, tmp_path / "inner")
