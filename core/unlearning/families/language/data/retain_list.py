"""The list of a retain set, `examples.jsonl` (docs/how-to/register_model.md). Free of torch, and opens no picture."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from core.unlearning.errors import ModelLoadError
from core.unlearning.evaluation.words import words
from core.unlearning.families.info import RetainCount, RetainedRows
from core.unlearning.families.language.data.questions import without_frame
from core.unlearning.types import Part, Split

NAME = "examples.jsonl"
Group = Literal["memory", "understanding", "stranger", "declined", "general"]


class RetainLine(BaseModel):
    """One line. `answer` None: the frozen model's own answer is taken. `image`: a path inside the folder."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    group: Group
    part: Part
    question: str
    answer: str | None = None
    image: str | None = None
    subject: str | None = None


class Row(Protocol):
    """A line, or what became of it."""

    @property
    def group(self) -> Group:
        """What it is about."""

    @property
    def part(self) -> Part:
        """Where it is used."""

    @property
    def image(self) -> object | None:
        """Its picture."""

    @property
    def subject(self) -> str | None:
        """Whom it is about."""


def read_list(folder: Path) -> dict[int, RetainLine]:
    """Every line by its number. Raises `ModelLoadError` (`invalid_retain_set`) with the number of a bad one."""
    path = folder / NAME
    if not path.is_file():
        raise invalid(f"it has no {NAME}")
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except ValueError:
        raise invalid(f"{NAME} is not UTF-8") from None
    return {number: _parse(text, number) for number, text in enumerate(texts, start=1) if text.strip()}


def _parse(text: str, number: int) -> RetainLine:
    try:
        return RetainLine.model_validate(json.loads(text))
    except (ValueError, ValidationError, RecursionError):
        raise invalid(f"line {number} of {NAME} is not a valid example") from None


def image_path(folder: Path, name: str, number: int) -> Path:
    """The picture of a line. Raises `ModelLoadError` where it is not in the folder."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise invalid(f"the image of line {number} is not in its folder")
    return path


def subjects(retain_set: Path | None) -> set[str]:
    """The subjects that lines name."""
    if retain_set is None or not (retain_set / NAME).is_file():
        return set()
    return {line.subject for line in read_list(retain_set).values() if line.subject}


def trained_people(rows: Iterable[Row]) -> set[str]:
    """The people whose rows a job trains on to keep them."""
    return {row.subject for row in rows if row.group == "memory" and row.part == "train" and row.subject}


def split_of(row: Row, trained: Collection[str]) -> Split:
    """The split of a row. *retain*: of `trained_people`; *unseen*: of all others."""
    view = "image" if row.image is not None else "text"
    if row.group == "memory":
        used = "retain" if row.subject in trained else "unseen"
        return f"{used}_{view}_memory"  # type: ignore[return-value]
    names: dict[Group, Split] = {
        "understanding": "retain_understanding",
        "stranger": "stranger_understanding",
        "declined": "declined",
        "general": "general",
    }
    return names[row.group]


def count(folder: Path) -> RetainCount:
    """How many lines there are of each kind. Raises `ModelLoadError` where a job could not read the folder."""
    lines = read_list(folder)
    pictures = {line.image: number for number, line in lines.items() if line.image is not None}
    for name, number in pictures.items():
        image_path(folder, name, number)
    rows = list(lines.values())
    trained, kinds = trained_people(rows), defaultdict[tuple[Split, Part, bool], list[RetainLine]](list)
    for line in rows:
        kinds[split_of(line, trained), line.part, line.image is not None].append(line)
    return RetainCount(
        rows=tuple(
            RetainedRows(split, part, len(alike), len(set(map(_cluster, alike))))
            for (split, part, _), alike in kinds.items()
        ),
        subjects=len({line.subject for line in rows if line.group == "memory" and line.subject}),
        pictures=len(pictures),
    )


def _cluster(line: RetainLine) -> tuple[str, ...]:
    """What stands or falls together: the questions about a picture, or one question in several wordings."""
    if line.image is not None:
        return (line.image,)
    return (line.subject or "", *words(without_frame(line.question)))


def invalid(what: str) -> ModelLoadError:
    """The error of a retain set that cannot be read."""
    return ModelLoadError(f"the model's retain set cannot be used: {what}", code="invalid_retain_set")
