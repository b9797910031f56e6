"""MLLMU-Bench (Liu et al., NAACL 2025): `MLLMMU/MLLMU-Bench` on the Hugging Face hub, in its configurations of 2025.

`Full_Set`: a fictitious person a row, with `image`, `ID`, `biography`, `question`, `answer`, and the tasks
`Generation_Task` and `Mask_Task`, lists of `{Question, Ground_Truth, Type}`, `Type` being `Image_Textual` or
`Pure_Text`. `Test_Set`: the same tasks about the same `ID`s in other words, with `images`. `Retain_Set`: celebrities,
with the columns of `Full_Set`.

Not read: `Classification_Task`, since multiple choice does not show what a model answers to an open question, and the
forget and retain splits, since the benchmark draws its own. Unconfirmed: rows have no name, so the one that the
biography and the questions without a picture mention most is taken, and the `ID` where they mention none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.unlearning.bench.memory.layouts.files import LayoutRow, Rows, find_rows, require_rows
from core.unlearning.bench.memory.world import Person, Picture, Question, World

NAME = "MLLMU-Bench"
_PICTURED = "Image_Textual"
_BLANK = re.compile(r"_{2,}")
_FILL = "[Blank]"
_NAME = re.compile(r"\b[^\W\d_a-z][\w'’-]+(?: [^\W\d_a-z][\w.'’-]*)+")
"""Two or more capitalised words."""
_ASKING = re.compile(r"^(?:What|Where|Which|Who|Whose|When|Why|How|In|At|Is|Does|Did|Was|On|The)\s")


class Task(LayoutRow):
    """One question of a row."""

    Question: str
    Ground_Truth: str
    Type: str


class Profile(LayoutRow):
    """A row of `Full_Set` or `Retain_Set`."""

    ID: str
    image: str
    biography: str = ""
    question: str | None = None
    answer: str | None = None
    Generation_Task: tuple[Task, ...] = ()
    Mask_Task: tuple[Task, ...] = ()


class HeldOut(LayoutRow):
    """A row of `Test_Set`."""

    ID: str
    images: tuple[str, ...]
    Generation_Task: tuple[Task, ...] = ()
    Mask_Task: tuple[Task, ...] = ()


def read(folder: Path) -> World:
    """Raises `InvalidInputError`."""
    held_out = dict(_held_out(find_rows(folder, "Test_Set")))
    people = [
        Person(name, (*questions, *held_out.get(row.ID, ())))
        for row, name, questions in _profiles(require_rows(folder, "Full_Set"))
    ]
    celebrities = _profiles(rows) if (rows := find_rows(folder, "Retain_Set")) else ()
    general = (
        Question("general", q.question, q.answer, q.picture) for _, _, questions in celebrities for q in questions
    )
    return World(NAME, tuple(people), general=tuple(general))


def _profiles(rows: Rows) -> Iterator[tuple[Profile, str, list[Question]]]:
    for number, row in rows.read(Profile):
        picture = rows.picture(row.image, number)
        questions = list(_questions((*row.Generation_Task, *row.Mask_Task), [picture]))
        if row.question and row.answer:
            questions.insert(0, Question("image_memory", row.question, row.answer, picture))
        named = (task.Question for task in row.Generation_Task if task.Type != _PICTURED)
        yield row, _name([row.biography, *named]) or row.ID, questions


def _held_out(rows: Rows | None) -> Iterator[tuple[str, list[Question]]]:
    if rows is None:
        return
    for number, row in rows.read(HeldOut):
        pictures = [rows.picture(name, number) for name in row.images]
        if not pictures:
            raise rows.invalid_row(number, "has no pictures")
        yield row.ID, list(_questions((*row.Generation_Task, *row.Mask_Task), pictures, held_out=True))


def _questions(tasks: Sequence[Task], pictures: Sequence[Picture], *, held_out: bool = False) -> Iterator[Question]:
    for n, task in enumerate(tasks):
        question = _BLANK.sub(_FILL, task.Question)
        if _FILL in question:
            question += f" Please give only what should replace the {_FILL}."
        if task.Type == _PICTURED:
            yield Question("image_memory", question, task.Ground_Truth, pictures[n % len(pictures)], held_out)
        else:
            yield Question("text_memory", question, task.Ground_Truth, held_out=held_out)


def _name(texts: Sequence[str]) -> str | None:
    """The sequence of capitalised words that occurs in most of the texts."""
    plain = [_ASKING.sub("", text) for text in texts]
    names = Counter(name.removesuffix("'s") for text in plain for name in set(_NAME.findall(text)))
    return names.most_common(1)[0][0] if names else None
