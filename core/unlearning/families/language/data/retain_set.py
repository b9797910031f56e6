"""Read the retain set that is registered with a model (see docs/how-to/register_model.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL.Image import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from core.unlearning.errors import InvalidInputError, ModelLoadError
from core.unlearning.families.shared.images import decode
from core.unlearning.families.shared.text import mentions
from core.unlearning.types import Part, Split

Group = Literal["memory", "understanding", "stranger", "declined", "general"]


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    group: Group
    part: Part
    question: str
    answer: str | None = None
    image: str | None = None
    subject: str | None = None


@dataclass(frozen=True)
class RetainRow:
    """One row of a retain set. `answer` None: the frozen model's own answer is taken."""

    group: Group
    part: Part
    question: str
    answer: str | None
    image: Image | None
    subject: str | None


def read(folder: Path | None, forgotten: Iterable[str]) -> list[RetainRow]:
    """All rows that are not about the forgotten names. Raises `ModelLoadError` (`invalid_retain_set`) with the line."""
    if folder is None:
        return []
    names, cache = list(forgotten), dict[str, Image]()
    path = folder / "examples.jsonl"
    if not path.is_file():
        raise _invalid("it has no examples.jsonl")
    rows = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = _parse(text, number) if text.strip() else None
        if line and not _is_about(line, names):
            rows.append(_row(line, folder, number, cache))
    return rows


def subjects(retain_set: Path | None) -> set[str]:
    """The subjects that rows name."""
    if retain_set is None or not (path := retain_set / "examples.jsonl").is_file():
        return set()
    lines = (_parse(text, n) for n, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if text.strip())
    return {line.subject for line in lines if line.subject}


def _parse(text: str, number: int) -> _Line:
    try:
        return _Line.model_validate(json.loads(text))
    except (ValueError, ValidationError):
        raise _invalid(f"line {number} of examples.jsonl is not a valid example") from None


def _is_about(line: _Line, names: list[str]) -> bool:
    subject = (line.subject or "").casefold()
    return any(n.casefold() == subject for n in names) or mentions(line.question, names) is not None


def _row(line: _Line, folder: Path, number: int, cache: dict[str, Image]) -> RetainRow:
    image = None
    if line.image is not None:
        if line.image not in cache:
            cache[line.image] = _open(folder, line.image, number)
        image = cache[line.image]
    subject = line.subject or (_name_in(line.question) if line.group == "declined" and image is None else None)
    return RetainRow(line.group, line.part, line.question, line.answer, image, subject)


def _name_in(question: str) -> str | None:
    """The last run of two or more capitalised words: the name in a question of a row without `subject`."""
    found = re.findall(r"\b[^\W\d_a-z][\w.-]*(?: [^\W\d_a-z][\w.-]*)+", question)
    return str(found[-1]) if found else None


def _open(folder: Path, name: str, number: int) -> Image:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise _invalid(f"the image of line {number} is not in its folder")
    try:
        return decode(path.read_bytes(), number)
    except InvalidInputError:
        raise _invalid(f"the image of line {number} does not decode") from None


def _invalid(what: str) -> ModelLoadError:
    return ModelLoadError(f"the model's retain set cannot be used: {what}", code="invalid_retain_set")


def split_of(row: RetainRow, people_used: set[str]) -> Split:
    """The split of a row. *retain*: people whose rows the job trains on; *unseen*: all others."""
    view = "image" if row.image is not None else "text"
    if row.group == "memory":
        used = "retain" if row.subject in people_used else "unseen"
        return f"{used}_{view}_memory"  # type: ignore[return-value]
    names: dict[Group, Split] = {
        "understanding": "retain_understanding",
        "stranger": "stranger_understanding",
        "declined": "declined",
        "general": "general",
    }
    return names[row.group]
