"""Read the data set that is registered with a classifier (see docs/how-to/register_model.md).

Pictures and clips are decoded when they are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from PIL.Image import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.unlearning.errors import InvalidInputError, ModelLoadError
from core.unlearning.families.audiovisual.counting import LIST
from core.unlearning.families.audiovisual.data import audio
from core.unlearning.families.audiovisual.data.files import Files, files_of
from core.unlearning.families.shared import images
from core.unlearning.types import Example, Part, Sound, Split


class Line(BaseModel):
    """One line of `examples.jsonl`; a modality that the example does not have is null."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    id: str = Field(min_length=1)
    label: str = Field(min_length=1)
    part: Part
    image: str | None = None
    audio: str | None = None
    subject: str | None = None


@dataclass(frozen=True)
class DataSetRow:
    """One example of a data set."""

    id: str
    label: str
    part: Part
    subject: str | None
    number: int
    """Of its line."""
    has_image: bool
    has_audio: bool
    _line: Line = field(repr=False)
    _files: Files = field(repr=False, compare=False)

    def image_bytes(self) -> bytes | None:
        """The picture's file."""
        return None if self._line.image is None else self._files.read(self._line.image)

    def audio_bytes(self) -> bytes | None:
        """The clip's file."""
        return None if self._line.audio is None else self._files.read(self._line.audio)

    def image(self) -> Image | None:
        """The picture. Raises `ModelLoadError` (`invalid_retain_set`) for one that does not decode."""
        data = self.image_bytes()
        try:
            return None if data is None else images.decode(data, self.number)
        except InvalidInputError:
            raise _invalid(f"the image of line {self.number} does not decode") from None

    def audio(self) -> Sound | None:
        """The clip. Raises `ModelLoadError` (`invalid_retain_set`) for one that does not decode."""
        data = self.audio_bytes()
        try:
            return None if data is None else audio.decode(data, self.number)
        except InvalidInputError:
            raise _invalid(f"the audio of line {self.number} does not decode") from None

    def example(self, split: Split) -> Example:
        """Picture, clip and label, decoded."""
        return Example(split, "", self.label, self.image(), self.subject, audio=self.audio())


@dataclass(frozen=True)
class DataSet:
    """All rows, in the order of the file."""

    rows: tuple[DataSetRow, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label there is, sorted."""
        return tuple(sorted({row.label for row in self.rows}))

    def part(self, part: Part) -> tuple[DataSetRow, ...]:
        """The rows of one part."""
        return tuple(row for row in self.rows if row.part == part)


def read(folder: Path, labels: Collection[str] | None = None) -> DataSet:
    """The rows of a folder; `labels` are those that the model has, where it has its own.

    Raises `ModelLoadError` (`invalid_retain_set`) that names the line.
    """
    path = folder / LIST
    if not path.is_file():
        raise _invalid(f"it has no {LIST}")
    files, rows = files_of(folder), list[DataSetRow]()
    seen = set[str]()
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except ValueError:
        raise _invalid(f"{LIST} is not UTF-8") from None
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        line = _parse(text, number)
        _check(line, number, files, labels)
        if line.id in seen:
            raise _invalid(f"line {number} of {LIST} has an id that an earlier line has")
        seen.add(line.id)
        rows.append(_row(line, number, files))
    if not rows:
        raise _invalid(f"{LIST} holds no example")
    return DataSet(tuple(rows))


def _parse(text: str, number: int) -> Line:
    try:
        return Line.model_validate(json.loads(text))
    except (ValueError, ValidationError, RecursionError):
        raise _invalid(f"line {number} of {LIST} is not a valid example") from None


def _check(line: Line, number: int, files: Files, labels: Collection[str] | None) -> None:
    if line.image is None and line.audio is None:
        raise _invalid(f"line {number} of {LIST} has neither an image nor audio")
    for kind, name in (("image", line.image), ("audio", line.audio)):
        if name is not None and not files.has(name):
            raise _invalid(f"the {kind} of line {number} is not in its folder")
    if labels is not None and line.label not in labels:
        raise _invalid(f"the label of line {number} is none that the model has")


def _row(line: Line, number: int, files: Files) -> DataSetRow:
    has_image, has_audio = line.image is not None, line.audio is not None
    return DataSetRow(line.id, line.label, line.part, line.subject, number, has_image, has_audio, line, files)


def _invalid(what: str) -> ModelLoadError:
    return ModelLoadError(f"the model's retain set cannot be used: {what}", code="invalid_retain_set")
