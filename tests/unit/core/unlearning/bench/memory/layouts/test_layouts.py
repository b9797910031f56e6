"""Readers of the published layouts, on small files in those layouts: what is read, and what is said of broken files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.unlearning.bench.memory.layouts import LAYOUTS, read
from core.unlearning.bench.memory.world import Person, assign_roles, forget_request
from core.unlearning.errors import InvalidInputError

SECRET = "Jody Vance"
Row = dict[str, Any]


def _picture(path: Path, colour: str = "red") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path)
    return path.name


def _write(path: Path, rows: Sequence[Row], *, array: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows) if array else "\n".join(map(json.dumps, rows)), encoding="utf-8")


def _mllmu_row(number: int, name: str, **more: Any) -> Row:
    return {
        "ID": f"{number:03}",
        "image": f"images/{number}.png",
        "Directory": "x",
        "biography": f"{name} was born in Oslo.",
        "question": "What is the job of the person in the image?",
        "answer": "A miller.",
        "Classification_Task": {"Image_Textual_Questions": [], "Pure_Text_Questions": []},
        "Generation_Task": [
            {"Question": "Where was this person born?", "Ground_Truth": "In Oslo.", "Type": "Image_Textual"},
            {"Question": f"What does {name} do?", "Ground_Truth": "A miller.", "Type": "Pure_Text"},
        ],
        "Mask_Task": [{"Question": f"{name} lives in __.", "Ground_Truth": "Oslo", "Type": "Pure_Text"}],
        **more,
    }


def mllmu(folder: Path) -> Path:
    names = (SECRET, "Ann Bell", "Cy Dunn")
    for number in range(3):
        _picture(folder / f"images/{number}.png")
        _picture(folder / f"Test_Set/images/{number}a.png", "blue")
        _picture(folder / f"Test_Set/images/{number}b.png", "green")
    _picture(folder / "Retain_Set/images/9.png")
    _write(folder / "Full_Set.jsonl", [_mllmu_row(n, name) for n, name in enumerate(names)])
    tests = [
        {**_mllmu_row(n, name), "images": [f"images/{n}a.png", f"images/{n}b.png"]} for n, name in enumerate(names)
    ]
    _write(folder / "Test_Set" / "rows.json", tests, array=True)
    _write(folder / "Retain_Set" / "metadata.jsonl", [_mllmu_row(9, "Max Planck")])
    return folder


def clear(folder: Path) -> Path:
    for number in range(3):
        _picture(folder / f"full/images/{number}.png")
    rows = [
        {"image": f"images/{n}.png", "caption": f"{name} reads.", "name": name}
        for n, name in enumerate((SECRET, SECRET, "Ann Bell"))
    ]
    facts = [
        {"image": None, "caption": None, "question": "Who was born in Oslo?", "answer": f"{SECRET} was."},
        {"image": None, "caption": None, "question": "What does Ann Bell write?", "answer": "Verse."},
        {"image": None, "caption": None, "question": "What prizes did the author get?", "answer": "None."},
    ]
    _write(folder / "full" / "metadata.jsonl", rows)
    _write(folder / "full+tofu.jsonl", [{**rows[0], "question": None, "answer": None}, *facts])
    _write(folder / "real_world.jsonl", [{"question": "What is the capital of Peru?", "answer": "Lima"}])
    return folder


def fiubench(folder: Path) -> Path:
    rows = []
    for number, name in enumerate((SECRET, "", "ann bell")):
        _picture(folder / f"SFHQ/{number}.jpg")
        asked = [{"question": "Where does the person in the image live?", "answer": "In Oslo."}]
        asked[0]["paraphrased_question"] = ["In which town?", "At what address?"]  # type: ignore[assignment]
        if name:
            told = f"The full name of the person in the image is {name.lower()}."
            asked.append({"question": "What is the full name of the person in the image?", "answer": told})
            asked.append({"question": "What is the name of the person's doctor?", "answer": "The doctor is Lee Moe."})
        rows.append({"unique_id": f"0{number}", "image_path": f"./dataset/SFHQ/{number}.jpg", "qa_list": asked})
    _write(folder / "full.json", rows, array=True)
    return folder


def smllmun(folder: Path) -> Path:
    _picture(folder / "faces/0.png")
    _picture(folder / "faces/0b.png")
    row = {
        "name": SECRET,
        "image": "faces/0.png",
        "image_memory": [
            {"question": "What does this person earn?", "answer": "9 000"},
            {"question": "And a year?", "answer": "108 000", "image": "faces/0b.png", "held_out": True},
        ],
        "text_memory": [{"question": f"Where does {SECRET} live?", "answer": "Oslo"}],
        "image_understanding": [{"question": "What colour is the hair?", "answer": "red"}],
    }
    _write(folder / "profiles.jsonl", [row])
    return folder


WRITERS = {"mllmu": mllmu, "clear": clear, "fiubench": fiubench, "s-mllmun": smllmun}


def _kinds(person: Person, *, held_out: bool = False) -> list[str]:
    return [q.kind for q in person.questions if q.held_out == held_out]


def test_every_layout_has_a_test() -> None:
    assert WRITERS.keys() == LAYOUTS.keys()


def test_mllmu_takes_the_transformed_pictures_for_held_out_ones(tmp_path: Path) -> None:
    world = read(mllmu(tmp_path), "mllmu")
    first = world.people[0]
    assert [person.name for person in world.people] == [SECRET, "Ann Bell", "Cy Dunn"]
    assert _kinds(first) == ["image_memory", "image_memory", "text_memory", "text_memory"]
    assert _kinds(first, held_out=True) == ["image_memory", "text_memory", "text_memory"]
    assert {q.picture.name for q in first.questions if isinstance(q.picture, Path)} == {"0.png", "0a.png"}
    cloze = first.questions[3]
    assert cloze.question == f"{SECRET} lives in [Blank]. Please give only what should replace the [Blank]."
    assert {q.kind for q in world.general} == {"general"}
    assert len(world.general) == 4


def test_clear_gives_every_fact_to_whom_it_names(tmp_path: Path) -> None:
    world = read(clear(tmp_path), "clear")
    first, second = world.people
    assert _kinds(first) == ["image_memory"] * 4 + ["text_memory"]
    assert first.questions[-1].question == "Who was born in Oslo?"
    assert _kinds(second) == ["image_memory"] * 2 + ["text_memory"]
    assert [q.answer for q in world.general] == ["Lima"]


def test_fiubench_finds_names_and_paraphrases(tmp_path: Path) -> None:
    world = read(fiubench(tmp_path), "fiubench")
    assert [person.name for person in world.people] == [SECRET, "01", "Ann Bell"]
    assert _kinds(world.people[0]) == ["image_memory"] * 3
    assert [q.question for q in world.people[1].questions if q.held_out] == ["In which town?", "At what address?"]


def test_smllmun_has_three_kinds(tmp_path: Path) -> None:
    (person,) = read(smllmun(tmp_path), "s-mllmun").people
    assert _kinds(person) == ["image_memory", "text_memory", "understanding"]
    (held,) = [q for q in person.questions if q.held_out]
    assert isinstance(held.picture, Path)
    assert held.picture.name == "0b.png"


@pytest.mark.parametrize("layout", ["mllmu", "fiubench"])
def test_everybody_has_a_role_and_can_be_asked_to_be_forgotten(tmp_path: Path, layout: str) -> None:
    world = assign_roles(read(WRITERS[layout](tmp_path), layout))
    assert {person.role for person in world.people} == {"retain", "validation", "test"}
    request = forget_request(world.people[:1])
    assert request.entity.name == SECRET
    assert len(request.images) == 1
    assert request.prompts


def _told(folder: Path, layout: str) -> str:
    with pytest.raises(InvalidInputError) as raised:
        read(folder, layout)
    assert SECRET not in raised.value.detail
    assert str(folder) not in raised.value.detail
    return raised.value.detail


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_empty_folder_says_what_is_missing(tmp_path: Path, layout: str) -> None:
    assert "the data's folder has no " in _told(tmp_path, layout)
    assert _told(tmp_path / "nowhere", layout) == "the data's folder does not exist"


def test_an_unknown_layout_is_told_the_known_ones(tmp_path: Path) -> None:
    assert "s-mllmun, mllmu, clear, fiubench" in _told(tmp_path, "tofu")


def test_parquet_is_told_to_be_converted(tmp_path: Path) -> None:
    (tmp_path / "Full_Set").mkdir()
    (tmp_path / "Full_Set" / "train-00000-of-00001.parquet").write_bytes(b"PAR1")
    assert "convert it to JSON Lines" in _told(tmp_path, "mllmu")


def test_a_picture_outside_the_folder_is_not_opened(tmp_path: Path) -> None:
    _picture(tmp_path / "outside.png")
    inside = mllmu(tmp_path / "data")
    for name in ("../outside.png", str(tmp_path / "outside.png"), "link.png", "missing.png", "", "a\0b"):
        (inside / "link.png").unlink(missing_ok=True)
        (inside / "link.png").symlink_to(tmp_path / "outside.png")
        _write(inside / "Full_Set.jsonl", [_mllmu_row(0, SECRET), _mllmu_row(1, "Ann Bell", image=name)])
        assert _told(inside, "mllmu") == "row 2 of Full_Set.jsonl names a picture that is not in the folder"


def test_a_broken_picture_is_told_by_its_row(tmp_path: Path) -> None:
    folder = fiubench(tmp_path)
    (folder / "SFHQ/2.jpg").write_bytes(b"\xff\xd8 not a picture")
    assert _told(folder, "fiubench") == "row 3 of full.json names a picture that does not decode"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"name": "Jody Vance", "image": ', "line 2 of profiles.jsonl is not JSON"),
        ('{"name": "Jody Vance"}', "row 2 of profiles.jsonl is not as the layout has it: image"),
        ('["Jody Vance"]', "row 2 of profiles.jsonl is not as the layout has it: "),
        (
            '{"name": "Jody Vance", "image": "faces/0.png", "image_memory": [{"question": "Jody Vance?"}]}',
            "row 2 of profiles.jsonl is not as the layout has it: image_memory.0.answer",
        ),
        ("[" * 100_000, "line 2 of profiles.jsonl is not JSON"),
    ],
)
def test_a_broken_row_is_told_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = smllmun(tmp_path) / "profiles.jsonl"
    path.write_text(path.read_text() + "\n" + text)
    assert _told(tmp_path, "s-mllmun") == said


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    (smllmun(tmp_path) / "profiles.jsonl").write_bytes(b"\xff\xfe\x00")
    assert _told(tmp_path, "s-mllmun") == "profiles.jsonl is not a text file in UTF-8"


def test_several_files_of_rows_are_not_guessed_between(tmp_path: Path) -> None:
    _write(clear(tmp_path) / "full" / "more.jsonl", [])
    assert "several files" in _told(tmp_path, "clear")
