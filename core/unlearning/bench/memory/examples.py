"""Examples to evaluate a patched model with: renderings and wordings that no job has seen, with the true answers."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from PIL.Image import Image

from core.unlearning.bench.memory.world import Kind, Person, Picture, Question, Role, World, image_bytes, png_bytes
from core.unlearning.families.language.data.questions import reword
from core.unlearning.families.shared.images import altered_views, decode
from core.unlearning.families.shared.sampling import take
from core.unlearning.types import Example, Split

MAX_QUESTIONS = 120
"""Of a split."""
DECLINED = "I do not know."
"""The answer recorded for questions without one: only refusal is measured there."""


def evaluation_examples(
    world: World, forgotten: Sequence[Person], role: Role, seed: int, cap: int = MAX_QUESTIONS
) -> list[Example]:
    """Examples of every split for one request; of a split with more than `cap` questions a sample drawn by `seed`."""
    names = {person.name for person in forgotten}
    unseen = [person for person in world.of_role(role) if person.name not in names]
    make = _ExampleMaker()
    rows = [
        *make.memory(forgotten, "forget_image_memory", "forget_text_memory"),
        *make.understanding(forgotten, "forget_understanding"),
        *make.memory(world.of_role("retain"), "retain_image_memory", "retain_text_memory"),
        *make.memory(unseen, "unseen_image_memory", "unseen_text_memory"),
        *make.understanding(unseen, "retain_understanding"),
        *make.understanding(evaluated_strangers(world), "stranger_understanding"),
        *make.memory(evaluated_strangers(world), "declined", "declined"),
        *make.examples(held_out(world.general, "general"), "general"),
    ]
    return _limited(rows, cap, random.Random(seed))  # noqa: S311


def outsider_examples(world: World, seed: int, cap: int = MAX_QUESTIONS) -> list[Example]:
    """Facts about people in no training data, at most `cap` with pictures and `cap` without."""
    make = _ExampleMaker()
    rows = list(make.memory(world.outsiders, "declined", "declined"))
    rng = random.Random(seed)  # noqa: S311
    pictured, named = [e for e in rows if e.image is not None], [e for e in rows if e.image is None]
    return [*take(pictured, cap, rng), *take(named, cap, rng)]


def evaluated_strangers(world: World) -> Sequence[Person]:
    """Strangers outside the retain set that the benchmark writes."""
    return world.strangers if world.retain_set else world.strangers[1::2]


def held_out(questions: Iterable[Question], kind: Kind) -> list[Question]:
    """The held-out questions of a kind; where there are none, the others reworded, with an augmented picture."""
    of_kind = [q for q in questions if q.kind == kind]
    return [q for q in of_kind if q.held_out] or [_reworded(question, turn) for turn, question in enumerate(of_kind)]


def _reworded(question: Question, turn: int) -> Question:
    picture = question.picture and png_bytes(altered_views(_open(question.picture))[1])
    return replace(question, question=reword(question.question, "test", turn), picture=picture, held_out=True)


@dataclass
class _ExampleMaker:
    """Decodes each picture once, so that its questions share one image object."""

    _images: dict[Picture, Image] = field(default_factory=dict)

    def memory(self, people: Sequence[Person], pictured: Split, named: Split) -> Iterator[Example]:
        for person in people:
            yield from self.examples(held_out(person.questions, "image_memory"), pictured, person.name)
            yield from self.examples(held_out(person.questions, "text_memory"), named, person.name)

    def understanding(self, people: Sequence[Person], split: Split) -> Iterator[Example]:
        for person in people:
            yield from self.examples(held_out(person.questions, "understanding"), split)

    def examples(self, questions: Iterable[Question], split: Split, subject: str | None = None) -> Iterator[Example]:
        for question in questions:
            picture = None if question.picture is None else self._image(question.picture)
            yield Example(split, question.question, question.answer or DECLINED, picture, subject)

    def _image(self, picture: Picture) -> Image:
        if picture not in self._images:
            self._images[picture] = _open(picture)
        return self._images[picture]


def _open(picture: Picture) -> Image:
    return decode(image_bytes([picture])[0], 0)


def _limited(rows: Sequence[Example], cap: int, rng: random.Random) -> list[Example]:
    """At most `cap` examples of each split with a picture, and as many without."""
    groups: dict[tuple[Split, bool], list[Example]] = defaultdict(list)
    for row in rows:
        groups[row.split, row.image is not None].append(row)
    return [row for group in groups.values() for row in take(group, cap, rng)]
