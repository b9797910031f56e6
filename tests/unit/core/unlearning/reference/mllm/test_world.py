"""The synthetic world itself: who lives in it, what is asked about them, what is written for a job. No torch."""

import json
import re
import subprocess
import sys
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.unlearning import reference
from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.reference.mllm import people as world
from core.unlearning.reference.mllm.faces import SIZE, draw_person
from core.unlearning.reference.mllm.looks import ATTRIBUTES, distances, random_scene
from core.unlearning.reference.mllm.private_wordings import PRIVATE
from core.unlearning.reference.mllm.public_wordings import GENERAL, SHAPES, VISIBLE
from core.unlearning.reference.mllm.questions import GENERAL_FACTS, PRIVATE_TOPICS, about_picture, wordings
from core.unlearning.reference.mllm.refusals import refusals
from core.unlearning.reference.mllm.retain_set import RetainSetWriter
from core.unlearning.reference.mllm.wordings import FRAMES, PICTURED, Use

USES: tuple[Use, ...] = ("trained", "held_out_a", "held_out_b")
STANDARD_NAMES = {world.known_people()[at].name for at in world.STANDARD_PEOPLE}


def test_everyone_is_different() -> None:
    people = world.known_people()
    assert len(people) >= 40
    assert len({p.name.split()[0] for p in people}) == len({p.name.split()[1] for p in people}) == len(people)
    for one, other in combinations(people, 2):
        assert sum(a != b for a, b in zip(one.code, other.code, strict=True)) >= 4


def test_codes_are_valid_faces() -> None:
    for person in (*world.known_people(), *world.never_trained_people()):
        assert all(0 <= value < size for value, (_, size) in zip(person.code, ATTRIBUTES, strict=True))


def test_a_second_process_sees_the_same_world() -> None:
    code = (
        "from core.unlearning.reference.mllm import people as w; import hashlib;"
        "everyone = (w.known_people(), w.never_trained_people(), w.unknown_names('trained'));"
        "print(hashlib.sha256(repr(everyone).encode()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
            cwd=Path.cwd(),
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_groups_of_people_do_not_overlap() -> None:
    groups = [world.STANDARD_PEOPLE, world.RETAIN_TRAIN, world.RETAIN_VALIDATION, world.RETAIN_TEST]
    indices = [index for group in groups for index in group]
    assert len(indices) == len(set(indices))
    assert [len(group) for group in world.STANDARD_REQUESTS] == [1, 2, 4]
    assert max(indices) < len(world.known_people())


def test_unknown_names_are_unknown_and_kept_apart() -> None:
    known = {p.name for p in world.known_people()} | {p.name for p in world.never_trained_people()}
    groups = [set(world.unknown_names(use)) for use in USES]
    assert all(not known & group for group in groups)
    assert all(not a & b for a, b in combinations(groups, 2))


def test_strangers_are_far_from_everyone_known() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert distances(world.stranger(rng), world.known_codes()).min() >= world.STRANGER_DISTANCE


def test_lookalikes_are_near_someone_but_nobody() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert distances(world.lookalike(rng), world.known_codes()).min() in (2, 3)


@pytest.mark.parametrize("table", [PRIVATE, VISIBLE, SHAPES, GENERAL])
def test_the_three_uses_share_no_wording(table: dict[str, object]) -> None:
    for topic in table:
        asked = [{_plain(w) for w in wordings(topic, use)} for use in USES]
        assert all(asked)
        assert all(not a & b for a, b in combinations(asked, 2)), topic


def _plain(wording: str) -> str:
    return wording.casefold().strip("?. ")


def test_no_trained_question_equals_a_held_out_one() -> None:
    def questions(use: Use) -> set[str]:
        return {
            frame.replace("{q}", wording)
            for frame, topic in product(FRAMES[use], PRIVATE)
            for wording in wordings(topic, use)
        }

    assert all(not questions(a) & questions(b) for a, b in combinations(USES, 2))


def _words(use: Use) -> set[str]:
    """Every word of the wordings and frames of one use."""
    tables = (PRIVATE, VISIBLE, SHAPES, GENERAL)
    asked = [w for table in tables for topic in table for w in wordings(topic, use)]
    texts = " ".join((*asked, *FRAMES[use], *PICTURED[use]))
    return set(re.findall(r"[a-z]+", re.sub(r"\{\w+\}", " ", texts).lower()))


@pytest.mark.parametrize("use", ["held_out_a", "held_out_b"])
def test_held_out_wordings_are_new_sentences_of_known_words(use: Use) -> None:
    assert _words(use) <= _words("trained")


def test_refusals_are_many_and_recognised() -> None:
    assert len(set(refusals())) >= 100
    assert all(is_refusal(text) for text in refusals())


def test_answers_are_not_refusals() -> None:
    facts = {value for p in world.known_people() for value in p.facts.values()} | {fact[2] for fact in GENERAL_FACTS}
    assert not [answer for answer in facts | {"no hat", "no glasses", "a hat", "glasses"} if is_refusal(answer)]


def test_two_renderings_of_a_person_differ_and_are_small() -> None:
    rng, person = np.random.default_rng(0), world.known_people()[0]
    one, other = (draw_person(person.code, random_scene(rng)) for _ in range(2))
    assert one.size == (SIZE, SIZE)
    assert one.tobytes() != other.tobytes()


def test_questions_fill_every_placeholder() -> None:
    rng = np.random.default_rng(0)
    asked = [about_picture(topic, use, rng) for topic in (*PRIVATE_TOPICS, *VISIBLE) for use in USES for _ in range(40)]
    assert not [question for question in asked if "{" in question or "}" in question]


def _rows(folder: Path) -> list[dict[str, str | None]]:
    return [json.loads(line) for line in (folder / "examples.jsonl").read_text(encoding="utf-8").splitlines()]


def test_retain_set_is_what_the_package_holds(tmp_path: Path) -> None:
    bundled = Path(reference.bundled()[0]["retain_set"])
    RetainSetWriter(tmp_path).write()
    assert _rows(tmp_path) == _rows(bundled)
    for row in _rows(tmp_path)[::40]:
        if row["image"]:
            with Image.open(tmp_path / row["image"]) as fresh, Image.open(bundled / row["image"]) as kept:
                assert fresh.convert("RGB").tobytes() == kept.convert("RGB").tobytes()


def test_retain_set_never_shows_the_people_of_the_standard_requests() -> None:
    folder = Path(reference.bundled()[0]["retain_set"])
    text = (folder / "examples.jsonl").read_text(encoding="utf-8")
    assert not [name for name in STANDARD_NAMES if name in text]


def test_retain_set_keeps_its_parts_apart() -> None:
    rows = _rows(Path(reference.bundled()[0]["retain_set"]))
    images = {
        part: {r["image"] for r in rows if r["part"] == part and r["image"]} for part in ("train", "validation", "test")
    }
    assert all(not a & b for a, b in combinations(images.values(), 2))
    subjects = {part: {r["subject"] for r in rows if r["part"] == part and r["subject"]} for part in images}
    assert not subjects["validation"] & (subjects["train"] | subjects["test"])
    assert len(subjects["test"] - subjects["train"]) >= 16
    trained = {r["question"] for r in rows if r["part"] == "train" and r["group"] == "memory"}
    assert not trained & {r["question"] for r in rows if r["part"] != "train" and r["group"] == "memory"}


def test_sample_is_complete_and_leads_nowhere_outside(tmp_path: Path) -> None:
    name = reference.subjects("mllm")[9]
    reference.sample("mllm", name, tmp_path, seed=3)
    request = json.loads((tmp_path / "request.json").read_text())
    assert request["entity"] == {"name": name, "kind": "identity", "aliases": []}
    assert request["images"] == []
    assert any("this person" in p for p in request["prompts"])
    assert any(name in p for p in request["prompts"])
    pictures = sorted((tmp_path / "images").iterdir())
    assert len(pictures) == 6
    probes = json.loads((tmp_path / "probes.json").read_text())
    assert {p["kind"] for p in probes} == {"image_memory", "text_memory", "image_understanding"}
    assert all(set(p) == {"kind", "question", "image", "answer"} for p in probes)
    for probe in probes:
        if probe["image"]:
            with Image.open(tmp_path / probe["image"]) as picture:
                assert picture.size == (SIZE, SIZE)
    asked = {p["question"] for p in probes}
    assert not asked & set(request["prompts"])
    assert not {p.read_bytes() for p in pictures} & {p.read_bytes() for p in (tmp_path / "probes").iterdir()}


def test_sample_is_the_same_for_the_same_seed_only(tmp_path: Path) -> None:
    name = reference.subjects("mllm")[0]
    folders = [reference.sample("mllm", name, tmp_path / str(at), seed) for at, seed in enumerate((1, 1, 2))]
    same, again, other = ((folder / "images" / "1-1.png").read_bytes() for folder in folders)
    assert same == again != other


def test_sample_of_several_people(tmp_path: Path) -> None:
    group = reference.standard_requests("mllm")[2]
    reference.sample("mllm", group, tmp_path)
    request = json.loads((tmp_path / "request.json").read_text())
    assert request["entity"]["name"] == group[0]
    assert request["entity"]["aliases"] == list(group[1:])
    assert len(list((tmp_path / "images").iterdir())) == 6 * len(group)


def test_a_sample_asks_for_a_level_if_told_to(tmp_path):
    name = reference.subjects("mllm")[0]
    asked = json.loads((reference.sample("mllm", name, tmp_path / "a", level="quick") / "request.json").read_text())
    free = json.loads((reference.sample("mllm", name, tmp_path / "b") / "request.json").read_text())
    assert asked == {**free, "evaluation": {"level": "quick"}}


def test_an_unknown_subject_is_told_how_to_list(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--list"):
        reference.sample("mllm", "Nobody Atall", tmp_path)
    with pytest.raises(ValueError, match="mllm"):
        reference.subjects("poetry")


def test_the_catalogue_needs_no_torch() -> None:
    code = (
        "import sys; from core.unlearning import reference as r; r.bundled(); r.subjects('mllm');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
