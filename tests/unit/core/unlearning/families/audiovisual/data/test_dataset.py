"""The data set of a classifier, read from a folder or from one archive in it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from core.unlearning.errors import InvalidInputError, ModelLoadError
from core.unlearning.families.audiovisual.data import audio
from core.unlearning.families.audiovisual.data.dataset import read
from tests.support.audiovisual_lines import Put, in_archive, in_folder, line, picture_file, sound_file, write
from tests.support.tiny_classifiers import LABELS, clip, picture

either = pytest.mark.parametrize("put", [in_folder, in_archive])


def refused(folder: Path) -> str:
    with pytest.raises(ModelLoadError) as caught:
        [row.example("retain_examples") for row in read(folder).rows]
    assert caught.value.code == "invalid_retain_set"
    assert "Ada" not in caught.value.detail
    return caught.value.detail


@either
def test_rows_are_read_with_their_files(tmp_path: Path, put: Put) -> None:
    data = read(write(tmp_path, [line(0), "", line(1, audio=None, part="test"), line(2, image=None)], put), LABELS)
    assert [row.id for row in data.rows] == ["r0", "r1", "r2"]
    assert data.labels == LABELS
    assert [row.id for row in data.part("test")] == ["r1"]
    first, second, third = (row.example("held_out") for row in data.rows)
    assert first.image is not None
    assert first.audio is not None
    np.testing.assert_array_equal(np.asarray(first.image), np.asarray(picture(0)))
    np.testing.assert_allclose(first.audio.samples, clip(0).samples, atol=1e-4)
    assert (first.audio.rate, first.answer, first.subject) == (4000, "0", "Ada Fern")
    assert second.audio is None
    assert third.image is None
    assert data.rows[0].image_bytes() == picture_file(0)
    assert data.rows[1].audio_bytes() is None


def test_nothing_is_decoded_before_it_is_asked_for(tmp_path: Path) -> None:
    folder = write(tmp_path, [line(0), line(1)])
    (folder / "images/0.png").write_bytes(b"no picture")
    (folder / "audio/1.flac").write_bytes(b"no sound")
    first, second = read(folder).rows
    assert second.image() is not None
    with pytest.raises(ModelLoadError, match="image of line 1 does not decode"):
        first.image()
    with pytest.raises(ModelLoadError, match="audio of line 2 does not decode"):
        second.audio()


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("{", "line 2 .* not a valid example"),
        ("[" * 100_000, "line 2 .* not a valid example"),
        (line(1, part="tests"), "line 2 .* not a valid example"),
        (line(1, label=1), "line 2 .* not a valid example"),
        (line(1, label=""), "line 2 .* not a valid example"),
        (line(1, id="r0"), "line 2 .* an id that an earlier line has"),
        (line(1, image=None, audio=None), "line 2 .* neither"),
        (line(1, label="of no class"), "label of line 2"),
        (line(1, image="images/none.png"), "image of line 2 is not in its folder"),
        (line(1, audio="audio"), "audio of line 2 is not in its folder"),
        (line(1, image="../secret.png"), "image of line 2 is not in its folder"),
    ],
)
@either
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, entry: Any, why: str, put: Put) -> None:
    (tmp_path / "secret.png").write_bytes(picture_file())
    folder = write(tmp_path / "set", [line(0), entry], put)
    with pytest.raises(ModelLoadError, match=why) as caught:
        read(folder, LABELS)
    assert caught.value.code == "invalid_retain_set"
    assert "Ada" not in caught.value.detail


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(picture_file())
    folder = write(tmp_path / "set", [line(0)])
    (folder / "images/0.png").unlink()
    (folder / "images/0.png").symlink_to(tmp_path / "secret.png")
    assert "image of line 1 is not in its folder" in refused(folder)


def test_a_folder_without_a_list_or_with_an_empty_one_is_refused(tmp_path: Path) -> None:
    assert "no examples.jsonl" in refused(tmp_path)
    assert "holds no example" in refused(write(tmp_path, []))
    (tmp_path / "examples.jsonl").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in refused(tmp_path)


def test_an_archive_that_is_broken_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, [line(0)], in_archive)
    data = (folder / "files.zip").read_bytes()
    (folder / "files.zip").write_bytes(data.replace(b"PNG", b"BAD", 1))
    assert "a file of it cannot be read" in refused(folder)
    (folder / "files.zip").write_bytes(data[: len(data) // 2])
    assert "files.zip is not a readable zip file" in refused(folder)


@pytest.mark.parametrize("how", [{"format": "WAV"}, {"format": "WAV", "subtype": "FLOAT"}, {"format": "FLAC"}])
def test_wav_and_flac_are_decoded(how: dict[str, str]) -> None:
    found = audio.decode(sound_file(3, **how), 0)
    np.testing.assert_allclose(found.samples, clip(3).samples, atol=1e-4)
    assert found.samples.dtype == np.float32


def test_channels_are_averaged() -> None:
    left, right = clip(1).samples, clip(2).samples
    made = io.BytesIO()
    soundfile.write(made, np.stack([left, right], 1), 4000, format="WAV", subtype="FLOAT")
    np.testing.assert_allclose(audio.decode(made.getvalue(), 0).samples, (left + right) / 2, atol=1e-6)


def test_other_sounds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = np.full(100, np.nan, dtype=np.float32)
    made = io.BytesIO()
    soundfile.write(made, broken, 4000, format="WAV", subtype="FLOAT")
    monkeypatch.setattr(audio, "MAX_SECONDS", 0.25)
    for data, code in (
        (b"RIFF", "invalid_audio"),
        (b"", "invalid_audio"),
        (sound_file(format="OGG", subtype="VORBIS"), "invalid_audio"),
        (made.getvalue(), "invalid_audio"),
        (sound_file(), "audio_too_large"),
    ):
        with pytest.raises(InvalidInputError, match="audio 7") as caught:
            audio.decode(data, 7)
        assert caught.value.code == code
