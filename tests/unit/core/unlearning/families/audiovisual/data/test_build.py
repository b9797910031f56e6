"""From a request and a registered data set to what is forgotten, kept and measured."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from core.unlearning.errors import InvalidInputError, ModelLoadError
from core.unlearning.families.audiovisual.counting import count_rows
from core.unlearning.families.audiovisual.data.build import build_data
from core.unlearning.families.audiovisual.evaluation.references import reference_of
from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.progress import Silent
from core.unlearning.types import ForgetRequest, JobData, ModelSpec
from tests.support.audiovisual_dataset import (
    PEOPLE,
    again,
    asking,
    heard_again,
    picture_file,
    rows,
    sound_file,
    write_world,
)
from tests.support.tiny_classifiers import tiny_model, tiny_processor


@pytest.fixture(scope="module")
def model() -> AudioVisualModel:
    return AudioVisualModel(tiny_model(), tiny_processor())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


def build(model: AudioVisualModel, world: Path | None, request: ForgetRequest) -> JobData:
    return build_data(model, request, world, Silent(), seed=0)


def counted(data: JobData) -> dict[str, dict[str, int]]:
    return {part: dict(Counter(e.split for e in data.part(part))) for part in ("train", "validation", "test")}  # type: ignore[arg-type]


def ids(**wanted: str) -> set[str]:
    return {r["id"] for r in rows() if r["part"] == "train" and all(r[k] == v for k, v in wanted.items())}


def test_a_person_by_name(model: AudioVisualModel, world: Path) -> None:
    data = build(model, world, asking("ADA fern"))
    assert counted(data) == {
        "train": {"forget_examples": 9, "retain_examples": 45},
        "validation": {"held_out": 15},
        "test": {"forget_examples": 9, "retain_examples": 45, "forget_held_out": 6, "held_out": 15},
    }
    assert set(data.forgotten) == ids(subject=PEOPLE[0])
    of_her = [e for part in (data.train, data.validation, data.test) for e in part if e.subject == PEOPLE[0]]
    assert {e.split for e in of_her} == {"forget_examples", "forget_held_out"}
    assert all(e.image is not None and e.audio is not None for e in data.train)


def test_a_class_by_its_label_takes_everyone_s_and_nothing_else(model: AudioVisualModel, world: Path) -> None:
    data = build(model, world, asking("1", "class"))
    assert set(data.forgotten) == ids(label="1")
    assert {e.answer for e in data.test if e.split.startswith("forget")} == {"1"}
    assert {e.answer for e in (*data.train, *data.test) if not e.split.startswith("forget")} == {"0", "2"}
    assert {e.answer for e in data.validation} == {"0", "2"}


def test_several_people_in_one_request(model: AudioVisualModel, world: Path) -> None:
    data = build(model, world, asking(PEOPLE[1], "identity", PEOPLE[2], "somebody unknown"))
    assert set(data.forgotten) == ids(subject=PEOPLE[1]) | ids(subject=PEOPLE[2])


@pytest.mark.parametrize(
    "files",
    [
        {"images": (picture_file(0), picture_file(31))},
        {"images": (again(picture_file(0)), picture_file(31))},
        {"audio": (sound_file(0), sound_file(31))},
        {"audio": (heard_again(sound_file(0)), heard_again(sound_file(31)))},
        {"images": (picture_file(0),), "audio": (sound_file(31),)},
    ],
    ids=["bytes", "pixels", "clip bytes", "clip samples", "one of each"],
)
def test_files_find_their_rows(model: AudioVisualModel, world: Path, files: dict[str, tuple[bytes, ...]]) -> None:
    data = build(model, world, asking(**files))
    assert data.forgotten == ("r0", "r31")
    assert [e.answer for e in data.train[:2]] == [rows()[0]["label"], rows()[31]["label"]]
    assert all(e.audio is not None for e in data.train[:2])
    assert counted(data)["train"] == {"forget_examples": 2, "retain_examples": 52}


def test_a_picture_that_was_never_trained_on_is_measured_and_not_forgotten(
    model: AudioVisualModel, tmp_path: Path
) -> None:
    nameless = write_world(tmp_path, {n: {"subject": None} for n in range(len(rows()))})
    assert rows()[4]["part"] == "test"
    data = build(model, nameless, asking(images=(picture_file(0), picture_file(4))))
    assert data.forgotten == ("r0",)
    assert counted(data)["test"] == {
        "forget_examples": 1, "retain_examples": 53, "forget_held_out": 1, "held_out": 17,
    }  # fmt: skip
    with pytest.raises(InvalidInputError) as refused:
        build(model, nameless, asking(images=(picture_file(4),)))
    assert refused.value.code == "nothing_to_forget"


def test_a_picture_from_elsewhere_gets_the_label_that_the_model_sees(model: AudioVisualModel, world: Path) -> None:
    data = build(model, world, asking(images=(picture_file(999), picture_file(0))))
    assert data.forgotten == ("r0",)
    (other,) = [e for e in data.train if e.split == "forget_examples" and e.audio is None]
    seen = model.predict([replace(other, answer="")]).logits.argmax(1)
    assert other.answer == model.labels[int(seen)]


def test_rows_without_a_picture_have_nothing_to_forget_and_stay_out(model: AudioVisualModel, tmp_path: Path) -> None:
    heard_only = {n: {"image": None} for n, r in enumerate(rows()) if r["subject"] == PEOPLE[0] and r["label"] == "0"}
    data = build(model, write_world(tmp_path, heard_only), asking(PEOPLE[0]))
    assert counted(data)["train"] == {"forget_examples": 6, "retain_examples": 45}


def test_what_the_request_itself_keeps_is_kept(model: AudioVisualModel, world: Path) -> None:
    request = asking(PEOPLE[0])
    request = replace(request, retain=replace(request.retain, images=(picture_file(998),)))
    assert counted(build(model, world, request))["train"]["retain_examples"] == 46


def test_no_name_is_matched_by_nobody(model: AudioVisualModel, tmp_path: Path) -> None:
    nameless = write_world(tmp_path, {n: {"subject": None} for n in range(len(rows()))})
    data = build(model, nameless, asking(images=(picture_file(0),)))
    assert counted(data)["test"] == {"forget_examples": 1, "retain_examples": 53, "held_out": 18}


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (asking("Nobody Known"), "nothing_to_forget"),
        (asking(audio=(sound_file(999),)), "nothing_to_forget"),
        (asking("0", "class", "1", "2"), "nothing_to_keep"),
        (asking(PEOPLE[0], images=(b"no picture",)), "invalid_image"),
        (asking(PEOPLE[0], audio=(sound_file(0)[:60],)), "invalid_audio"),
        (replace(asking(PEOPLE[0]), modalities=("image", "audio")), "modality_not_supported"),
    ],
)
def test_what_cannot_be_done_is_said_without_naming_anyone(
    model: AudioVisualModel, world: Path, request_: ForgetRequest, code: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        build(model, world, request_)
    assert refused.value.code == code
    assert not any(name in refused.value.detail for name in request_.entity.names if len(name) > 1)


def test_a_model_without_its_data_cannot_forget(model: AudioVisualModel) -> None:
    with pytest.raises(InvalidInputError) as refused:
        build(model, None, asking(PEOPLE[0]))
    assert refused.value.code == "no_retain_set"


def oracle(folder: Path, rows: set[str], *modalities: str) -> str:
    folder.mkdir()
    (folder / "withheld.json").write_text(json.dumps({"modalities": modalities, "rows": sorted(rows)}))
    return str(folder)


def test_the_reference_is_the_one_that_left_out_this_and_little_else(tmp_path: Path) -> None:
    ada, all_ = ids(subject=PEOPLE[0]), ids()
    one = oracle(tmp_path / "one", ada, "image")
    dropped = oracle(tmp_path / "dropped", ada, "image", "audio")
    many = oracle(tmp_path / "many", all_, "image")
    deaf = oracle(tmp_path / "deaf", all_, "audio")

    def chosen(sources: object, forgotten: set[str]) -> str | None:
        spec = ModelSpec("m", "audiovisual", "/m", defaults={"oracle": sources})
        return reference_of(spec, JobData((), (), (), forgotten=tuple(sorted(forgotten))), ("image",))

    assert chosen([many, dropped, one, deaf], ada) == one
    assert chosen([many, dropped], ada) == many
    assert chosen([dropped, deaf], ada) == dropped
    assert chosen([one, dropped, deaf], ada | {"r44"}) is None
    assert chosen(one, ada) == one
    assert chosen([one], set()) is None, "pictures that are no registered rows: nobody knows who saw them"
    assert chosen(None, ada) is None
    with pytest.raises(ModelLoadError, match=r"withheld\.json"):
        chosen(str(tmp_path), ada)


def test_rows_are_counted_before_anything_is_loaded(world: Path, tmp_path: Path) -> None:
    assert count_rows(world, ["ada FERN"], "identity") == 9
    assert count_rows(world, ["1", "2"], "class") == 36
    assert count_rows(world, [], "identity") == 0
    assert count_rows(tmp_path, ["Ada Fern"], "identity") is None
    assert count_rows(None, ["Ada Fern"], "identity") is None
    (tmp_path / "examples.jsonl").write_text("[]\n")
    assert count_rows(tmp_path, ["Ada Fern"], "identity") is None
