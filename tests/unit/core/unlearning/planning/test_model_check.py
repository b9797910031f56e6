"""What a registered model and its retain set allow, from its folders alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.unlearning import reference
from core.unlearning.evaluation.evidence import upper_bound
from core.unlearning.planning import ModelCheck, model_check
from core.unlearning.planning.split_check import SplitCheck
from core.unlearning.types import ModelSpec
from tests.support.paths import ROOT

ROWS: tuple[dict[str, Any], ...] = (
    {"group": "memory", "part": "train", "question": "Where does this person live?", "image": "a.png", "subject": "A"},
    {"group": "memory", "part": "test", "question": "Where is this person at home?", "image": "a.png", "subject": "A"},
    {"group": "memory", "part": "test", "question": "Where does B live?", "subject": "B"},
    {"group": "general", "part": "test", "question": "What colour is snow?"},
    {"group": "general", "part": "test", "question": "What is in this picture?", "image": "c.png"},
)


def checked(
    folder: Path | None = None, family: str = "mllm", source: str = "owner/name", **defaults: Any
) -> ModelCheck:
    """The check of a model that is registered like this."""
    return model_check(ModelSpec("model", family, source, None, folder, defaults))


def retain_set(folder: Path, rows: tuple[dict[str, Any], ...] = ROWS) -> Path:
    """A folder with these rows and the pictures that they name, which nobody decodes."""
    for row in rows:
        if row.get("image"):
            (folder / row["image"]).write_bytes(b"a picture")
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def finding(check: ModelCheck, name: str) -> tuple[str, str]:
    """The status and the detail."""
    return next((found.status, found.detail) for found in check.findings if found.name == name)


def split(check: ModelCheck, name: str) -> SplitCheck:
    """What there is of one split."""
    return next(found for found in check.splits if found.split == name)


def test_rows_are_counted_by_split_and_part_and_what_has_none_is_missing(tmp_path: Path) -> None:
    check = checked(retain_set(tmp_path))
    assert finding(check, "retain_set") == ("ok", "It can be read: 5 rows about 2 subjects and 2 pictures.")
    assert split(check, "retain_image_memory").rows == {"train": 1, "validation": 0, "test": 1}
    assert split(check, "retain_image_memory").missing == ()
    assert split(check, "unseen_text_memory").rows == {"train": 0, "validation": 0, "test": 1}
    assert split(check, "unseen_text_memory").missing == ("validation",)
    assert split(check, "declined").missing == ("train", "validation", "test")
    assert "honest measure" in split(check, "unseen_text_memory").purpose


def test_a_report_is_as_sure_as_its_pictures_and_questions_are_many(tmp_path: Path) -> None:
    many = tuple({**row, "question": f"{row['question']} {n}"} for row in ROWS for n in range(70))
    check = checked(retain_set(tmp_path, many))
    general = {each.level: each for each in split(check, "general").certainty}
    assert split(check, "general").rows["test"] == 140
    assert {level: (each.probes, each.clusters) for level, each in general.items()} == {
        "quick": (96, 49),
        "standard": (140, 71),
        "thorough": (140, 71),
    }
    assert general["standard"].at_most == pytest.approx(upper_bound(0.0, 71))
    assert {each.needed for each in general.values()} == {59}
    pictured = split(check, "retain_image_memory").certainty[0]
    assert (pictured.probes, pictured.clusters, pictured.at_most) == (48, 1, pytest.approx(0.95))


def test_wordings_of_one_question_about_one_person_count_once(tmp_path: Path) -> None:
    asked = ("Where does B live?", "Please answer: Where does B live?", "Hello! Where does B live?")
    rows = tuple({"group": "memory", "part": "test", "question": question, "subject": "B"} for question in asked)
    quick = split(checked(retain_set(tmp_path, rows)), "unseen_text_memory").certainty[0]
    assert (quick.probes, quick.clusters) == (3, 1)


def test_what_a_request_must_bring_is_said_by_level() -> None:
    certainty = split(checked(), "forget_text_memory").certainty
    assert [(each.level, each.needed, each.clusters) for each in certainty] == [
        ("quick", 19, None),
        ("standard", 29, None),
        ("thorough", 59, None),
    ]


@pytest.mark.parametrize(
    ("spoil", "detail"),
    [
        (lambda folder: (folder / "c.png").unlink(), "the image of line 5 is not in its folder"),
        (
            lambda folder: (folder / "examples.jsonl").write_text("{}"),
            "line 1 of examples.jsonl is not a valid example",
        ),
        (lambda folder: (folder / "examples.jsonl").unlink(), "it has no examples.jsonl"),
        (lambda folder: (folder / "examples.jsonl").write_bytes(b"\xff"), "examples.jsonl is not UTF-8"),
    ],
)
def test_a_retain_set_that_a_job_could_not_read_is_told(tmp_path: Path, spoil: Any, detail: str) -> None:
    spoil(retain_set(tmp_path))
    check = checked(tmp_path)
    assert finding(check, "retain_set") == ("invalid", f"The model's retain set cannot be used: {detail}.")
    assert split(check, "general").certainty == ()


def test_what_is_not_registered_or_not_here_is_not_called_broken(tmp_path: Path) -> None:
    check = checked()
    assert [found.status for found in check.findings] == ["unknown", "none", "none", "none"]
    assert all(level.memory is None and level.least_time is None for level in check.levels)
    elsewhere = checked(tmp_path / "gone", source=str(tmp_path / "gone"), oracle=str(tmp_path / "gone"))
    assert [found.status for found in elsewhere.findings] == ["unknown", "unknown", "unknown", "ok"]
    assert split(elsewhere, "general").missing == ()


def test_a_folder_with_a_pickle_is_not_safe_to_load(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert finding(checked(source=str(tmp_path)), "source")[0] == "ok"
    (tmp_path / "weights.bin").write_bytes(b"")
    status, detail = finding(checked(source=str(tmp_path), oracle=str(tmp_path)), "source")
    assert status == "invalid"
    assert "weights.bin is a pickle" in detail
    assert finding(checked(oracle=[str(tmp_path)]), "oracle") == (status, detail)


def test_models_that_see_nothing_have_no_use_for_pictures(tmp_path: Path) -> None:
    check = checked(retain_set(tmp_path), family="llm")
    assert finding(check, "retain_set") == ("invalid", "It has pictures, which models of family llm do not see.")
    assert not [found.split for found in check.splits if "image" in found.split or "understanding" in found.split]
    of_family, of_pictures = ({m.name: m.needs for m in one.methods} for one in (check, checked()))
    assert of_family.keys() == of_pictures.keys()
    assert (of_family["mmunlearner"], of_pictures["mmunlearner"]) == ((), ("pictures of the subject",))


def test_defaults_with_which_no_job_can_be_planned_are_told() -> None:
    check = checked(rank=0)
    assert finding(check, "defaults")[0] == "invalid"
    assert check.levels == ()


@pytest.mark.parametrize("entry", reference.bundled(), ids=lambda entry: entry["id"])
def test_of_the_bundled_models_nothing_is_missing(entry: Any) -> None:
    spec = ModelSpec(entry["id"], entry["family"], entry["source"], None, Path(entry["retain_set"]), entry["defaults"])
    check = model_check(spec)
    assert {found.status for found in check.findings} <= {"ok", "none"}
    assert [found.split for found in check.splits if found.missing] == []
    assert [level.level for level in check.levels] == ["quick", "standard", "thorough"]
    assert all(level.memory for level in check.levels)
    assert json.loads(json.dumps(check.to_json(), allow_nan=False))["levels"][0]["method"] == check.levels[0].method


def test_the_check_needs_no_library_of_a_worker() -> None:
    code = (
        "import sys; from core.unlearning.planning import model_check; from core.unlearning.types import ModelSpec; "
        "model_check(ModelSpec('m', 'mllm', 'owner/name')); "
        "sys.exit(bool({'torch', 'PIL', 'numpy', 'transformers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
