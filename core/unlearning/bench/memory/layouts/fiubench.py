"""FIUBench (Ma et al., ICLR 2025): `gray311/FIUBench` on the Hugging Face hub, with its archives of pictures unpacked.

`full.json` (an array, or JSON Lines): a fictitious person a row, with `unique_id`, `image_path` and `qa_list` of
`question`, `answer` and `paraphrased_question`, a text or a list. The authors' own code uses the first 400 rows, and so
does this. `image_path` may begin with `./dataset/`, where that code keeps the files.

A paraphrased question counts as held out, with the same picture, since each person has one. Not read: `split.json`,
since the benchmark draws its own splits, and the perturbed answers. Unconfirmed: rows have no name that the code
reads, so it is taken from the answer to the question about it; who has none goes by `unique_id`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.unlearning.bench.memory.layouts.files import LayoutRow, require_rows
from core.unlearning.bench.memory.world import Person, Picture, Question, World

NAME = "FIUBench"
PEOPLE = 400
_PREFIX = "dataset/"
_OWN_NAME = re.compile(r"\b(?:full )?name of the (?:person|people|man|woman)\b|\bperson'?s ?(?:full )?name\b", re.I)
_IS = re.compile(r"\bis ([^\W\d_][\w.'’ -]*?)\.?$", re.I)


class QA(LayoutRow):
    """One question of a person."""

    question: str
    answer: str
    paraphrased_question: str | tuple[str, ...] = ()

    @property
    def paraphrases(self) -> tuple[str, ...]:
        """The column as a tuple."""
        paraphrases = self.paraphrased_question
        return (paraphrases,) if isinstance(paraphrases, str) else paraphrases


class PersonRow(LayoutRow):
    """One person."""

    unique_id: str
    image_path: str
    qa_list: tuple[QA, ...]
    name: str | None = None


def read(folder: Path) -> World:
    """Raises `InvalidInputError`."""
    rows, people = require_rows(folder, "full"), list[Person]()
    for number, row in rows.read(PersonRow):
        if len(people) == PEOPLE:
            break
        picture = rows.picture(row.image_path.removeprefix("./").removeprefix(_PREFIX), number)
        people.append(Person(row.name or _name(row.qa_list) or row.unique_id, tuple(_questions(row.qa_list, picture))))
    return World(NAME, tuple(people))


def _questions(pairs: Sequence[QA], picture: Picture) -> Iterator[Question]:
    for qa in pairs:
        yield Question("image_memory", qa.question, qa.answer, picture)
        for paraphrase in qa.paraphrases:
            yield Question("image_memory", paraphrase, qa.answer, picture, held_out=True)


def _name(pairs: Sequence[QA]) -> str | None:
    for qa in pairs:
        if _OWN_NAME.search(qa.question) and (match := _IS.search(qa.answer.strip())):
            return match[1].title()
    return None
