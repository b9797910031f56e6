"""A retain set that is prepared by asking the reference model: known people, strangers, a broken picture, a stop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from core.unlearning import reference
from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.data.bundled.prompts import general_prompts
from core.unlearning.families.language.data.retain_list import RetainLine, read_list
from core.unlearning.families.language.data.retain_set import read
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.preparation import named
from core.unlearning.families.language.preparation.kept_answers import fingerprint
from core.unlearning.families.language.preparation.prepare import Prepared, prepare
from core.unlearning.families.language.preparation.sources import Listed
from core.unlearning.families.registry import load_family
from core.unlearning.planning import model_check
from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import random_scene
from core.unlearning.reference.mllm.people import known_people
from core.unlearning.reference.smollm2_vision.people import strange_face
from core.unlearning.types import ModelSpec

pytestmark = pytest.mark.slow
PEOPLE = known_people()[10:15]
LISTED = [*(Listed(person.name) for person in known_people()[14:17]), Listed("Zora Quimby")]
STRANGERS = 6


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    spec = ModelSpec("reference", "mllm", str(reference.bundled_path("mllm")))
    loaded: LanguageModel = load_family("mllm").load(spec)
    return loaded


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("sources") / "pictures", np.random.default_rng(3)
    for number, person in enumerate(PEOPLE):
        (folder / f"known-{number}").mkdir(parents=True)
        for shot in range(2):
            draw_person(person.code, random_scene(rng)).save(folder / f"known-{number}" / f"{shot}.png")
    for number in range(STRANGERS):
        draw_person(strange_face(rng), random_scene(rng)).save(folder / f"stranger-{number}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 nonsense")
    return folder


@pytest.fixture(scope="module")
def whole(lm: LanguageModel, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Prepared, int]:
    """A run that nobody stops, and how many questions it asks."""
    with counting(lm) as asked:
        return run(lm, tmp_path_factory.mktemp("made") / "retain_set", pictures), sum(asked)


@pytest.fixture(scope="module")
def made(whole: tuple[Prepared, int]) -> Prepared:
    return whole[0]


@pytest.fixture(autouse=True, scope="module")
def _few_figures() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(named, "_FIGURES", 2)
        patch.setattr(named, "_NOBODY", 12)
        patch.setattr(named, "general_prompts", lambda part: general_prompts(part)[:10])
        yield


@contextmanager
def counting(lm: LanguageModel) -> Iterator[list[int]]:
    """How many questions the model is asked inside, call by call."""
    counts, generate = list[int](), lm.model.generate

    def count(*args: object, **inputs: object) -> object:
        answers = generate(*args, **inputs)
        counts.append(len(answers))
        return answers

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lm.model, "generate", count)
        yield counts


def run(lm: LanguageModel, out: Path, pictures: Path, stop_at: tuple[str, int] | None = None) -> Prepared:
    """Prepare; `stop_at`: the step at which somebody presses Ctrl-C."""

    def step(what: str, done: int, _: int) -> None:
        if (what, done) == stop_at:
            raise KeyboardInterrupt

    return prepare(lm, out, pictures=pictures, names=LISTED, step=step)


def lines(made: Prepared) -> list[RetainLine]:
    """What was written."""
    return list(read_list(made.folder).values())


def test_a_job_can_read_it_and_what_is_broken_is_told_by_name(made: Prepared) -> None:
    assert made.unreadable == ("broken.jpg is not a readable JPEG, PNG or WebP",)
    assert len(read(made.folder, [])) == len(lines(made)) == sum(made.rows.values())
    assert {path.name for path in made.folder.iterdir()} == {"examples.jsonl", "images"}
    assert list(made.folder.parent.iterdir()) == [made.folder]


def test_memory_is_of_those_whom_the_model_knows(made: Prepared) -> None:
    told = defaultdict(set)
    for line in lines(made):
        if line.group == "memory":
            told[line.subject, line.image is not None].add(line.answer)
    for person in (*PEOPLE, *known_people()[14:17]):
        assert set(person.facts.values()) & told[person.name, False], person.name
    pictured = {subject for subject, with_picture in told if with_picture}
    assert pictured == {person.name for person in PEOPLE}
    assert not [subject for subject, _ in told if subject == "Zora Quimby"]


def test_strangers_are_those_whom_it_declines(made: Prepared) -> None:
    strangers = {line.image for line in lines(made) if line.group == "stranger"}
    declined = {line.image for line in lines(made) if line.group == "declined" and line.image}
    assert len(strangers) == STRANGERS
    assert declined <= strangers
    assert "Zora Quimby" in {line.subject for line in lines(made) if line.group == "declined"}


def test_a_person_and_a_picture_are_in_one_part(made: Prepared) -> None:
    parts = defaultdict(set)
    for line in lines(made):
        for what in (line.subject, line.image):
            if what is not None:
                parts[what].add(line.part)
    assert [what for what, several in parts.items() if len(several) > 1] == []


def test_it_has_what_a_report_measures(made: Prepared) -> None:
    check = model_check(ModelSpec("reference", "mllm", "owner/name", None, made.folder))
    probes = {
        split.split: split.certainty[0].probes for split in check.splits if split.certainty[0].clusters is not None
    }
    for split in ("unseen_image_memory", "unseen_text_memory", "stranger_understanding", "declined"):
        assert probes[split] > 0, split


@pytest.mark.parametrize("at", [("telling whom it knows", 4), ("asking about names", 3)], ids=lambda at: at[0])
def test_a_stopped_run_goes_on_and_comes_to_the_same(
    lm: LanguageModel, pictures: Path, whole: tuple[Prepared, int], tmp_path: Path, at: tuple[str, int]
) -> None:
    out, (made, in_all) = tmp_path / "retain_set", whole
    with counting(lm) as before, pytest.raises(KeyboardInterrupt):
        run(lm, out, pictures, stop_at=at)
    assert not out.exists()
    assert sum(before) > 0
    with counting(lm) as after:
        again = run(lm, out, pictures)
    assert sum(before) + sum(after) == in_all
    assert again.rows == made.rows
    assert (out / "examples.jsonl").read_bytes() == (made.folder / "examples.jsonl").read_bytes()


def test_answers_of_a_model_are_not_taken_for_those_of_one_trained_further(lm: LanguageModel) -> None:
    before, weights = fingerprint(lm), next(lm.model.parameters())
    saved = weights.detach().clone()
    with torch.no_grad():
        weights += 0.25
        after = fingerprint(lm)
        weights.copy_(saved)
    assert after != before
    assert fingerprint(lm) == before


def test_what_cannot_be_done_is_said_before_anything_is_asked(
    lm: LanguageModel, pictures: Path, made: Prepared, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError, match="is there already"):
        run(lm, made.folder, pictures)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "broken.png").write_bytes(b"nonsense")
    with pytest.raises(InvalidInputError, match=r"nothing to ask the model about: broken\.png is not a readable"):
        prepare(lm, tmp_path / "out", pictures=tmp_path / "bad")
    assert not (tmp_path / "out").exists()
