"""What the patched model is asked: renderings and wordings that no job sees, with the world's own answers.

Nothing here comes from the service. The job is judged by what is true in the world, not by what it recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.unlearning.reference.mllm import people as world
from core.unlearning.reference.mllm.people import Person
from core.unlearning.reference.mllm.probes import Probe, ProbeMaker
from core.unlearning.types import Example, Split

USE = "held_out_b"
DECLINED = "I do not know."
"""The recorded answer of what nobody can know; only whether the model declines is measured there."""


def probes(forgotten: Sequence[int], seed: int) -> list[Example]:
    """Every split for one standard request. `seed` chooses renderings and wordings."""
    make, people = ProbeMaker(USE, seed), world.known_people()
    gone = [people[i] for i in forgotten]
    kept = [people[i] for i in world.RETAIN_TRAIN]
    used = {*world.RETAIN_TRAIN, *world.RETAIN_VALIDATION, *forgotten}
    unseen = [p for p in people if p.index not in used]
    strangers = [p.code for p in world.never_trained_people()[:40]]
    names = world.unknown_names(USE)[:12]
    return [
        *_memory(make, "forget_image_memory", "forget_text_memory", gone, renderings=6, times=3),
        *_examples("forget_understanding", make.understanding([p.code for p in gone], max(3, 12 // len(gone)))),
        *_memory(make, "retain_image_memory", "retain_text_memory", kept, renderings=2, times=2),
        *_examples("retain_understanding", make.understanding([p.code for p in kept], 3)),
        *_memory(make, "unseen_image_memory", "unseen_text_memory", unseen, renderings=2, times=2),
        *_examples("stranger_understanding", make.understanding(strangers, 1)),
        *_examples("declined", make.declined_pictures(strangers)),
        *(e for name in names for e in _examples("declined", make.declined_names([name]), name)),
        *_examples("general", [*make.shapes(40), *make.general()]),
    ]


def _memory(
    make: ProbeMaker, image: Split, text: Split, people: Sequence[Person], *, renderings: int, times: int
) -> Iterator[Example]:
    for person in people:
        yield from _examples(image, make.image_memory([person], renderings), person.name)
        yield from _examples(text, make.text_memory([person], times), person.name)


def _examples(split: Split, probes: Sequence[Probe], subject: str | None = None) -> list[Example]:
    return [Example(split, p.question, p.answer or DECLINED, p.image, subject) for p in probes]
