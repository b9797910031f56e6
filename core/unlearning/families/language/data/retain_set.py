"""Read the retain set that is registered with a model (see docs/how-to/register_model.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL.Image import Image

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.data.retain_list import Group, RetainLine, image_path, invalid, read_list
from core.unlearning.families.shared.images import decode
from core.unlearning.families.shared.text import mentions
from core.unlearning.types import Part


@dataclass(frozen=True)
class RetainRow:
    """One row of a retain set. `answer` None: the frozen model's own answer is taken."""

    group: Group
    part: Part
    question: str
    answer: str | None
    image: Image | None
    subject: str | None


def read(folder: Path | None, forgotten: Iterable[str], *, pictures: bool = True) -> list[RetainRow]:
    """All rows that are not about the forgotten names. `pictures`: whether the model sees any.

    Raises `ModelLoadError` (`invalid_retain_set`) with the line.
    """
    if folder is None:
        return []
    names, cache, lines = list(forgotten), dict[str, Image](), read_list(folder)
    if not pictures and any(line.image is not None for line in lines.values()):
        raise invalid("it has pictures, which the model does not see")
    return [_row(line, folder, number, cache) for number, line in lines.items() if not _is_about(line, names)]


def _is_about(line: RetainLine, names: list[str]) -> bool:
    subject = (line.subject or "").casefold()
    return any(n.casefold() == subject for n in names) or mentions(line.question, names) is not None


def _row(line: RetainLine, folder: Path, number: int, cache: dict[str, Image]) -> RetainRow:
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
    try:
        return decode(image_path(folder, name, number).read_bytes(), number)
    except InvalidInputError:
        raise invalid(f"the image of line {number} does not decode") from None
