"""S-MLLMUn Bench (Zeng et al., ECCV 2026, arXiv 2511.20196): one person, or one eye's picture, a row.

All of this layout is unconfirmed: the data is not public, and what is known of it is the paper's structure, a person
with a picture and three kinds of questions. Read is `profiles.jsonl`, with `name`, `image` (a path in the folder), and
the lists `image_memory`, `text_memory` and `image_understanding` of `{question, answer}`. Each of these may also have
`held_out`: true, and an `image` of its own in the place of the row's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from core.unlearning.bench.memory.layouts.files import LayoutRow, Rows, require_rows
from core.unlearning.bench.memory.world import Kind, Person, Picture, Question, World

NAME = "S-MLLMUn Bench"


class QA(LayoutRow):
    """One question."""

    question: str
    answer: str
    image: str | None = None
    held_out: bool = False


class Profile(LayoutRow):
    """One person, a row."""

    name: str
    image: str
    image_memory: tuple[QA, ...] = ()
    text_memory: tuple[QA, ...] = ()
    image_understanding: tuple[QA, ...] = ()


def read(folder: Path) -> World:
    """Raises `InvalidInputError`."""
    rows, people = require_rows(folder, "profiles"), list[Person]()
    for number, row in rows.read(Profile):
        picture = rows.picture(row.image, number)
        questions = (
            *_pictured("image_memory", row.image_memory, rows, number, picture),
            *(Question("text_memory", qa.question, qa.answer, held_out=qa.held_out) for qa in row.text_memory),
            *_pictured("understanding", row.image_understanding, rows, number, picture),
        )
        people.append(Person(row.name, questions))
    return World(NAME, tuple(people))


def _pictured(kind: Kind, pairs: Sequence[QA], rows: Rows, number: int, picture: Picture) -> Iterator[Question]:
    for qa in pairs:
        own = rows.picture(qa.image, number) if qa.image else picture
        yield Question(kind, qa.question, qa.answer, own, qa.held_out)
