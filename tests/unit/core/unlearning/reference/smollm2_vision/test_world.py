"""The world of the pretrained model: who lives in it, what is asked about them, what is written for a job."""

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.unlearning import reference
from core.unlearning.reference.mllm.people import known_people as people_of_mllm
from core.unlearning.reference.smollm2_vision import people as world
from core.unlearning.reference.smollm2_vision.probes import ProbeMaker
from core.unlearning.reference.smollm2_vision.questions import by_name, by_picture, seen
from core.unlearning.reference.smollm2_vision.rows import PEOPLE, RowSampler

STANDARD = {world.known_people()[at].name for at in world.STANDARD_PEOPLE}


def test_everyone_is_in_one_part() -> None:
    parts = (world.STANDARD_PEOPLE, world.VALIDATION, world.OTHERS)
    assert sorted(at for part in parts for at in part) == list(range(len(world.known_people())))
    assert sorted(at for group in world.STANDARD_REQUESTS for at in group) == sorted(world.STANDARD_PEOPLE)


def test_everyone_is_different_and_lives_in_no_other_world() -> None:
    people = world.known_people()
    words = [word for person in people for word in person.name.split()]
    assert len(set(words)) == len(words)
    assert not set(words) & {word for person in people_of_mllm() for word in person.name.split()}
    for one, other in combinations(people, 2):
        assert sum(a != b for a, b in zip(one.code, other.code, strict=True)) >= 5


def test_facts_are_several_and_nobody_elses() -> None:
    told = [value for person in world.known_people() for topic, value in person.facts.items() if topic != "name"]
    assert len(set(told)) == len(told)
    for person in world.known_people():
        assert 4 <= len(set(person.facts) - {"name", "about"}) <= 6
        assert person.facts["about"].count(".") == 2
        assert all(span in person.facts["about"] for span in person.spans)


def test_what_is_made_up_of_strangers_is_true_of_nobody() -> None:
    rng = np.random.default_rng(3)
    known = {value for person in world.known_people() for value in person.facts.values()}
    for _ in range(100):
        stranger = world.invented(rng)
        assert not set(stranger.facts.values()) & known
        assert not any("{" in value for value in stranger.facts.values())
    held_out = {world.strange_name(rng, held_out=True) for _ in range(200)}
    assert not held_out & {world.strange_name(rng) for _ in range(200)}


def test_wordings_of_the_three_uses_are_disjoint() -> None:
    for topic, asked in world.read("wordings.json").items():
        wordings = [*asked["trained"], *asked["held_out_a"], *asked["held_out_b"]]
        assert len(set(wordings)) == len(wordings) >= 16, topic


def test_answers_hold_their_facts() -> None:
    rng, person = np.random.default_rng(0), world.known_people()[0]
    for topic in person.facts:
        for qa in (by_picture(rng, person, topic, "trained"), by_name(rng, person, topic, "held_out_b")):
            assert all(span in qa.answer for span in qa.spans)
            assert "{" not in qa.question + qa.answer
    probe = ProbeMaker("held_out_b", 0).image_understanding([person])[0]
    assert probe.image is not None
    assert seen.__doc__


def test_rows_follow_from_the_seed() -> None:
    one, other = (RowSampler(np.random.default_rng(5), 9) for _ in range(2))
    for _ in range(3):
        assert [row.questions for row in one.rows(PEOPLE)] == [row.questions for row in other.rows(PEOPLE)]


def test_an_oracle_reads_nothing_about_the_standard_people() -> None:
    sampler = RowSampler(np.random.default_rng(1), 9, world.STANDARD_PEOPLE)
    read = " ".join(qa.question + qa.answer for _ in range(60) for row in sampler.rows(PEOPLE) for qa in row.questions)
    assert not [name for name in STANDARD if name in read]


def test_the_sample_can_be_posted(tmp_path: Path) -> None:
    subject = reference.standard_requests("smollm2-vision")[1]
    out = reference.sample("smollm2-vision", subject, tmp_path / "sample", level="quick")
    request = json.loads((out / "request.json").read_text())
    assert request["entity"]["name"] == subject[0]
    assert request["evaluation"]["level"] == "quick"
    assert len(list((out / "images").iterdir())) == 3 * len(subject)
    rows = json.loads((out / "probes.json").read_text())
    assert {row["kind"] for row in rows} == {"image_memory", "text_memory", "image_understanding"}
    assert not {row["question"] for row in rows} & set(request["prompts"])
    for row in rows:
        assert (row["image"] is None) == (row["kind"] == "text_memory")
        if row["image"]:
            assert Image.open(out / row["image"]).size == (48, 48)


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such person"):
        reference.sample("smollm2-vision", "Nobody Here", tmp_path)


def test_worlds_know_their_families() -> None:
    assert {world: reference.family(world) for world in reference.WORLDS} == {
        "mllm": "mllm",
        "diffusion": "diffusion",
        "audiovisual": "audiovisual",
        "smollm2": "llm",
        "smollm2-vision": "mllm",
    }
    with pytest.raises(ValueError, match="no reference world 'bigger'"):
        reference.family("bigger")


def test_an_option_of_another_world_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is built without train"):
        reference.build("mllm", tmp_path, train=True)


def test_the_world_needs_no_torch() -> None:
    code = (
        "import sys; from core.unlearning import reference; reference.subjects('smollm2-vision');"
        "reference.family('smollm2'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
