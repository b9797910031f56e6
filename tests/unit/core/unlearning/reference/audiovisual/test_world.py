"""The audio-visual world itself: real digits, tones, people, and what is written for a job. No torch."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import periodogram
from sklearn.datasets import load_digits

from core.unlearning import reference
from core.unlearning.families.audiovisual.data.dataset import read
from core.unlearning.reference.audiovisual import people as world
from core.unlearning.reference.audiovisual.people import PEOPLE, people, person_named
from core.unlearning.reference.audiovisual.retain_set import write_retain_set
from core.unlearning.reference.audiovisual.rows import LABELS, PARTS, of_part, rows, training_rows
from core.unlearning.reference.audiovisual.sample import standard_requests, subjects, write_sample
from core.unlearning.reference.audiovisual.tones import LEVELS, RATE, frequencies, synthesise
from core.unlearning.reference.mllm.people import known_people

RETAIN_SET = reference.bundled_path("audiovisual").parent / "retain_set"


def test_every_real_digit_is_there_once() -> None:
    assert sorted(row.index for row in rows()) == list(range(1797))
    assert {part: len(of_part(part)) for part in PARTS} == {"train": 1200, "validation": 298, "test": 299}
    targets = load_digits().target
    assert all(row.label == str(targets[row.index]) for row in rows())


def test_pictures_are_the_real_digits_but_for_contrast_and_noise() -> None:
    """Pixel by pixel: grey = 64 + 96 * (contrast * ink / 16 + noise), fitted by least squares."""
    real = load_digits().images
    drawn = {row: np.asarray(row.image(), dtype=float) for row in of_part("train")}
    assert {picture.shape for picture in drawn.values()} == {(8, 8)}
    for person in people()[::7]:
        own = [row for row in drawn if row.person == person]
        ink = np.concatenate([real[row.index].ravel() for row in own]) / 16
        grey = np.concatenate([drawn[row].ravel() for row in own])
        slope, level = np.polyfit(ink, grey, 1)
        assert slope / 96 == pytest.approx(person.contrast, abs=0.06)
        assert level == pytest.approx(64, abs=3)
        assert (grey - slope * ink - level).std() / 96 == pytest.approx(0.25, abs=0.03)


def test_people_are_invented_have_names_of_their_own_and_write_every_digit() -> None:
    names = [person.name for person in people()]
    assert len(set(names)) == PEOPLE == 60
    assert not set(names) & {person.name for person in known_people()}
    assert person_named(names[5].upper()) == people()[5]
    for part, share in (("train", 20), ("validation", 4), ("test", 4)):
        counts = [sum(row.person == person for row in of_part(part)) for person in people()]
        assert share <= min(counts)
        assert max(counts) <= share + 1
    assert min(len({row.label for row in of_part("train") if row.person == person}) for person in people()) >= 6


def test_standard_requests_are_disjoint_groups_of_one_two_and_four() -> None:
    groups = standard_requests()
    assert [len(group) for group in groups] == [1, 2, 4]
    assert len({name for group in groups for name in group}) == 7
    assert {row for group in groups for row in training_rows(group)} <= {row.id for row in of_part("train")}
    assert len(training_rows(groups[2])) == 80
    assert training_rows((world.STANDARD_CLASS,)) == {row.id for row in of_part("train") if row.label == "3"}


def test_keys_have_the_tones_of_the_telephone() -> None:
    assert [frequencies(digit) for digit in (1, 5, 9, 0)] == [(697, 1209), (770, 1336), (852, 1477), (941, 1336)]


def test_a_clip_holds_the_two_tones_at_the_pitch_of_its_person() -> None:
    person = people()[0]
    clips = [synthesise(4, person, np.random.default_rng(seed)) for seed in range(60)]
    power = np.mean([periodogram(clip, RATE)[1] for clip in clips], axis=0)
    found = periodogram(clips[0], RATE)[0]
    low, high = frequencies(4)
    for tone, band in ((low, (600, 1050)), (high, (1100, 1700))):
        inside = (found > band[0]) & (found < band[1])
        assert found[inside][power[inside].argmax()] == pytest.approx(tone * person.pitch, abs=4)


def test_clips_lie_on_a_coarse_grid_that_files_keep_whole(tmp_path: Path) -> None:
    sound = rows()[0].sound()
    assert sound.samples.dtype == np.float32
    assert len(sound.samples) == 2000
    steps = sound.samples * LEVELS
    assert np.array_equal(steps, steps.round())
    assert 0.9 < np.abs(sound.samples).max() < 1


def test_the_world_is_the_same_each_time() -> None:
    row = of_part("test")[3]
    assert row.image().tobytes() == row.image().tobytes()
    assert np.array_equal(row.sound().samples, row.sound().samples)
    assert not np.array_equal(row.sound().samples, of_part("test")[4].sound().samples)


def test_the_packaged_data_set_is_that_of_the_world(tmp_path: Path) -> None:
    write_retain_set(tmp_path)
    assert (tmp_path / "examples.jsonl").read_text() == (RETAIN_SET / "examples.jsonl").read_text()
    with zipfile.ZipFile(tmp_path / "files.zip") as made, zipfile.ZipFile(RETAIN_SET / "files.zip") as packaged:
        assert made.namelist() == packaged.namelist()


def test_the_packaged_data_set_gives_back_what_was_put_in() -> None:
    data = read(RETAIN_SET, LABELS)
    assert [row.id for row in data.rows] == [row.id for row in rows()]
    for given, found in list(zip(rows(), data.rows, strict=True))[::97]:
        example = found.example("retain_examples")
        assert example.audio is not None
        assert np.array_equal(example.audio.samples, given.sound().samples)
        assert np.array_equal(np.asarray(example.image)[..., 0], np.asarray(given.image()))
        assert (found.label, found.subject, found.part) == (given.label, given.person.name, given.part)


@pytest.mark.parametrize(("names", "kind"), [((people()[9].name,), "identity"), (("7",), "class")])
def test_sample_is_complete(tmp_path: Path, names: tuple[str, ...], kind: str) -> None:
    write_sample(names, tmp_path)
    request = json.loads((tmp_path / "request.json").read_text())
    assert request["entity"] == {"name": names[0], "kind": kind, "aliases": []}
    assert request["modalities"] == ["image"]
    trained = {row.id for row in of_part("train")} & {
        row.id for row in rows() if names[0] in (row.person.name, row.label)
    }
    posted = [path.stem for path in (tmp_path / "images").iterdir()]
    assert len(posted) == 6
    assert set(posted) <= trained
    assert sorted(posted) == sorted(path.stem for path in (tmp_path / "audio").iterdir())
    probes = json.loads((tmp_path / "probes.json").read_text())
    assert {probe["kind"] for probe in probes} == {"forgotten", "kept"}
    unseen = {row.id: row for row in of_part("test")}
    for probe in probes:
        row = unseen[Path(probe["image"]).stem]
        assert (tmp_path / probe["image"]).is_file()
        assert (tmp_path / probe["audio"]).is_file()
        assert probe["label"] == row.label
        assert (probe["kind"] == "forgotten") == (names[0] in (row.person.name, row.label))


def test_sample_of_several_people(tmp_path: Path) -> None:
    group = standard_requests()[2]
    write_sample(group, tmp_path)
    assert json.loads((tmp_path / "request.json").read_text())["entity"]["aliases"] == list(group[1:])
    assert len(list((tmp_path / "images").iterdir())) == 24
    with pytest.raises(ValueError, match="nobody"):
        write_sample([group[0], "3"], tmp_path)
    with pytest.raises(ValueError, match="at least one"):
        write_sample([], tmp_path)
    assert len(subjects()) == 70


def test_the_world_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from core.unlearning.reference.audiovisual import sample as s;"
        f"s.write_sample('3', Path({str(tmp_path)!r})); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
