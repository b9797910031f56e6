"""What a patched model is asked: renderings and wordings that no job has seen, with the world's own answers."""

from __future__ import annotations

import io
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from PIL.Image import Image

from core.unlearning.bench.memory.world import Kind, Person, Picture, Question, Role, World, encoded
from core.unlearning.families.mllm.data.questions import reword
from core.unlearning.families.shared.images import altered_views, decode
from core.unlearning.families.shared.sampling import take
from core.unlearning.types import Example, Split

CAP = 120
"""Questions of a split, at most."""
DECLINED = "I do not know."
"""The recorded answer of what nobody can know; only whether the model declines is measured there."""


def asked(world: World, forgotten: Sequence[Person], role: Role, seed: int, cap: int = CAP) -> list[Example]:
    """Every split for one request. `seed` draws `cap` questions where there are more."""
    gone = {person.name for person in forgotten}
    unseen = [person for person in world.of_role(role) if person.name not in gone]
    made = _Maker()
    rows = [
        *made.memory(forgotten, "forget_image_memory", "forget_text_memory"),
        *made.understanding(forgotten, "forget_understanding"),
        *made.memory(world.of_role("retain"), "retain_image_memory", "retain_text_memory"),
        *made.memory(unseen, "unseen_image_memory", "unseen_text_memory"),
        *made.understanding(unseen, "retain_understanding"),
        *made.understanding(measured_strangers(world), "stranger_understanding"),
        *made.memory(measured_strangers(world), "declined", "declined"),
        *made.examples(held_out(world.general, "general"), "general"),
    ]
    return _capped(rows, cap, random.Random(seed))  # noqa: S311


def told_of_nobody(world: World, seed: int, cap: int = CAP) -> list[Example]:
    """Facts of which no model was told, `cap` of each view."""
    made = _Maker()
    rows = list(made.memory(world.outsiders, "declined", "declined"))
    rng = random.Random(seed)  # noqa: S311
    pictured, named = [e for e in rows if e.image is not None], [e for e in rows if e.image is None]
    return [*take(pictured, cap, rng), *take(named, cap, rng)]


def measured_strangers(world: World) -> Sequence[Person]:
    """Those who are in no retain set that the benchmark writes."""
    return world.strangers if world.retain_set else world.strangers[1::2]


def held_out(questions: Iterable[Question], kind: Kind) -> list[Question]:
    """Those that nothing trains on; where there are none, the others in another wording, with an altered picture."""
    of_kind = [q for q in questions if q.kind == kind]
    kept = [q for q in of_kind if q.held_out]
    return kept or [_altered(question, turn) for turn, question in enumerate(of_kind)]


def _altered(question: Question, turn: int) -> Question:
    picture = question.picture and _png(altered_views(_open(question.picture))[1])
    return replace(question, question=reword(question.question, "test", turn), picture=picture, held_out=True)


@dataclass
class _Maker:
    """Opens each picture once, so that its questions share it."""

    _opened: dict[Picture, Image] = field(default_factory=dict)

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
        if picture not in self._opened:
            self._opened[picture] = _open(picture)
        return self._opened[picture]


def _open(picture: Picture) -> Image:
    return decode(encoded([picture])[0], 0)


def _png(image: Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _capped(rows: Sequence[Example], cap: int, rng: random.Random) -> list[Example]:
    """Pictures and text of one split count apart."""
    groups: dict[tuple[Split, bool], list[Example]] = defaultdict(list)
    for row in rows:
        groups[row.split, row.image is not None].append(row)
    return [row for group in groups.values() for row in take(group, cap, rng)]
