"""The drawn world itself: what there is, how it is drawn and worded, what is written for a job. No torch."""

import json
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.unlearning import reference
from core.unlearning.reference.diffusion import captions, concepts
from core.unlearning.reference.diffusion.captions import PARTS, caption, homonym_prompts, indirect_prompts
from core.unlearning.reference.diffusion.drawing import SIZE, draw
from core.unlearning.reference.diffusion.looks import any_look, differences
from core.unlearning.reference.diffusion.retain_set import write_retain_set
from core.unlearning.reference.diffusion.sample import write_sample
from core.unlearning.reference.diffusion.scenes import Scene, random_scene
from core.unlearning.reference.diffusion.things import THINGS
from core.unlearning.types import Part

RETAIN_SET = reference.bundled_path("diffusion").parent / "retain_set" / "concepts.jsonl"


def test_characters_differ_in_several_features() -> None:
    for one, other in combinations(concepts.CHARACTERS.values(), 2):
        assert sum(a != b for a, b in zip(vars(one).values(), vars(other).values(), strict=True)) >= 4


def test_the_world_is_as_large_as_it_should_be() -> None:
    sizes = {kind: len(concepts.names_of(kind)) for kind in concepts.KINDS}
    assert sizes == {"identity": 12, "object": 11, "style": 8, "concept": 1}
    assert set(THINGS) == {*concepts.OBJECTS, concepts.HARMFUL}
    assert len({concept.name for concept in concepts.CONCEPTS}) == 32


@pytest.mark.parametrize("style", [None, *concepts.STYLES])
def test_a_style_changes_the_picture_and_nothing_else(style: str | None) -> None:
    def drawn(chosen: str | None) -> np.ndarray:
        picture = draw(Scene("Ada Brink", "circle", chosen), np.random.default_rng(3))
        assert picture.size == (SIZE, SIZE)
        return np.asarray(picture, dtype=np.float32)

    others = [other for other in (None, *concepts.STYLES) if other != style]
    assert all(abs(drawn(style) - drawn(other)).mean() > 8 for other in others)


def test_two_renderings_of_a_scene_differ() -> None:
    rng = np.random.default_rng(0)
    one, other = (draw(Scene("Otto Falk", "boat"), rng).tobytes() for _ in range(2))
    assert one != other


def test_strangers_resemble_nobody_and_each_is_another() -> None:
    rng = np.random.default_rng(4)
    looks = [any_look(rng) for _ in range(50)]
    assert len(set(looks)) > 45
    assert min(differences(look, known) for look in looks for known in concepts.CHARACTERS.values()) >= 5


def test_what_has_no_name_has_no_label() -> None:
    scene = Scene(concepts.STRANGER, concepts.SOMETHING, None)
    assert {scene.label(kind) for kind in concepts.KINDS} == {concepts.NOTHING}
    assert "a person" in (text := caption(scene, "test", np.random.default_rng(0)))
    assert "a thing" in text
    assert draw(scene, np.random.default_rng(0)).size == (SIZE, SIZE)


def _sentences(part: Part, count: int = 4000) -> set[str]:
    rng = np.random.default_rng(1)
    found = {caption(random_scene(rng), part, rng) for _ in range(count)}
    return found | set(indirect_prompts(part)) | set(homonym_prompts(part))


def test_the_three_parts_share_no_sentence() -> None:
    parts = [_sentences(part) for part in PARTS]
    assert all(not a & b for a, b in combinations(parts, 2))
    for table in (captions.FRAMES, captions.PAIRS, captions.STYLED, captions.INDIRECT_BY_PART):
        assert all(not set(table[a]) & set(table[b]) for a, b in combinations(PARTS, 2))


def test_held_out_sentences_are_of_known_words() -> None:
    def words(part: Part) -> set[str]:
        return set(re.findall(r"\w+", " ".join(_sentences(part))))

    assert words("validation") <= words("train")
    assert words("test") <= words("train")


def test_the_mark_is_implied_in_every_part_without_its_name() -> None:
    bearers = [set(captions.INDIRECT_BY_PART[part]) for part in PARTS]
    assert sum(map(len, bearers)) == len(concepts.INDIRECT) == 16
    assert not [text for part in PARTS for text in indirect_prompts(part) if "skull" in text or "mark" in text]


def test_the_ambiguous_word_mostly_shows_one_character() -> None:
    rng = np.random.default_rng(2)
    shown = [scene.character for scene in (random_scene(rng) for _ in range(20_000)) if scene.homonym]
    assert 0.85 < shown.count(concepts.DOMINANT) / len(shown) < 0.95


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_retain_set_is_what_the_package_holds(tmp_path: Path) -> None:
    write_retain_set(tmp_path)
    assert _rows(tmp_path / "concepts.jsonl") == _rows(RETAIN_SET)


def test_retain_set_names_every_concept_in_prompts_of_three_parts() -> None:
    rows = _rows(RETAIN_SET)
    assert [(row["name"], row["kind"]) for row in rows] == [(c.name, c.kind) for c in concepts.CONCEPTS]
    for part, other in combinations(PARTS, 2):
        first, second = ({text for row in rows for text in row["prompts"][p]} for p in (part, other))
        assert not first & second
    for row in rows:
        assert all(len(set(row["prompts"][part])) == len(row["prompts"][part]) >= 6 for part in PARTS)
        assert row["kind"] == "concept" or all(row["name"] in t for part in PARTS for t in row["prompts"][part])


@pytest.mark.parametrize("name", ["Ada Brink", "star", "sepia wash", "skull mark", "robin"])
def test_sample_is_complete(tmp_path: Path, name: str) -> None:
    write_sample(name, tmp_path)
    request = json.loads((tmp_path / "request.json").read_text())
    probes = json.loads((tmp_path / "probes.json").read_text())
    assert request["entity"]["name"] == name
    assert request["model"] == "reference-diffusion"
    assert len(request["prompts"]) >= 6
    assert not {probe["prompt"] for probe in probes} & set(request["prompts"])
    pictures = sorted((tmp_path / "images").iterdir())
    assert len(pictures) == 6
    with Image.open(pictures[0]) as picture:
        assert picture.size == (SIZE, SIZE)


def test_sample_of_the_mark_has_direct_and_indirect_prompts(tmp_path: Path) -> None:
    write_sample("skull mark", tmp_path)
    request = json.loads((tmp_path / "request.json").read_text())
    assert request["entity"]["kind"] == "concept"
    named = [concepts.HARMFUL in prompt for prompt in request["prompts"]]
    assert any(named)
    assert not all(named)
    assert {row["kind"] for row in json.loads((tmp_path / "probes.json").read_text())} == {"direct", "indirect"}


def test_sample_of_the_ambiguous_word_is_a_correction(tmp_path: Path) -> None:
    write_sample("robin", tmp_path)
    request = json.loads((tmp_path / "request.json").read_text())
    assert request["replacement"] == "bird"
    assert all("robin" in prompt for prompt in request["prompts"])


def test_sample_of_several_is_of_one_kind(tmp_path: Path) -> None:
    write_sample(["Ada Brink", "Otto Falk"], tmp_path)
    assert json.loads((tmp_path / "request.json").read_text())["entity"]["aliases"] == ["Otto Falk"]
    assert len(list((tmp_path / "images").iterdir())) == 12
    with pytest.raises(ValueError, match="one kind"):
        write_sample(["Ada Brink", "star"], tmp_path)
    with pytest.raises(ValueError, match="--list"):
        write_sample("nothing known", tmp_path)


def test_the_drawn_world_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from core.unlearning.reference.diffusion import sample as s;"
        f"s.subjects(); s.write_sample('star', Path({str(tmp_path)!r})); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
