"""CLEAR (Dontsov et al., ACL 2025 Findings): `therem/CLEAR` on the Hugging Face hub, in its configurations of 2025.

`full`: a picture of one of TOFU's fictitious authors a row, with `image`, `caption` and `name`. `full+tofu`: the same
rows, and rows without a picture that hold TOFU's `question` and `answer`. `real_faces`: pictures of celebrities with
`answer`, their name; `real_world`: `question` and `answer`. Both may be missing.

A question without a picture is assigned to the author whom it or its answer names; others are left out. Captions name
their author, so they count as memory; CLEAR has no questions about visible content. Not read: the forget, retain and
perturbed configurations, since the benchmark draws its own splits. Unconfirmed: whether `real_world` always has
`answer`; rows without one are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from core.unlearning.bench.memory.layouts.files import LayoutRow, Rows, find_rows, require_rows
from core.unlearning.bench.memory.world import Person, Question, World
from core.unlearning.families.shared.text import mentions

NAME = "CLEAR"
WHO = "What is the name of the person in this picture?"
DESCRIBE = "What can you see in this picture?"


class Portrait(LayoutRow):
    """A row of `full`."""

    image: str
    caption: str
    name: str


class AuthorFact(LayoutRow):
    """A row of `full+tofu`; rows with a picture are in `full` too."""

    image: str | None = None
    question: str | None = None
    answer: str | None = None


class Face(LayoutRow):
    """A row of `real_faces`."""

    image: str
    answer: str


class WorldFact(LayoutRow):
    """A row of `real_world`."""

    question: str
    answer: str | None = None


def read(folder: Path) -> World:
    """Raises `InvalidInputError`."""
    questions: dict[str, list[Question]] = {}
    rows = require_rows(folder, "full")
    for number, row in rows.read(Portrait):
        picture = rows.picture(row.image, number)
        questions.setdefault(row.name, []).extend(
            (Question("image_memory", WHO, row.name, picture), Question("image_memory", DESCRIBE, row.caption, picture))
        )
    _add_facts(require_rows(folder, "full+tofu"), questions)
    people = (Person(name, tuple(own)) for name, own in questions.items())
    return World(NAME, tuple(people), general=tuple(_general(folder)))


def _add_facts(rows: Rows, questions: Mapping[str, list[Question]]) -> None:
    for _, row in rows.read(AuthorFact):
        if row.image or not row.question or not row.answer:
            continue
        name = mentions(row.question, questions) or mentions(row.answer, questions)
        if name:
            questions[name].append(Question("text_memory", row.question, row.answer))


def _general(folder: Path) -> Iterator[Question]:
    if faces := find_rows(folder, "real_faces"):
        for number, row in faces.read(Face):
            yield Question("general", WHO, row.answer, faces.picture(row.image, number))
    if facts := find_rows(folder, "real_world"):
        for _, fact in facts.read(WorldFact):
            if fact.answer:
                yield Question("general", fact.question, fact.answer)
