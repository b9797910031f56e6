"""Evaluation examples: renderings and wordings that no job sees, with the world's true answers.

None of them comes from the service: a job is judged by the world's facts, not by what it recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.unlearning.reference.mllm import people as world
from core.unlearning.reference.mllm.people import Person
from core.unlearning.reference.mllm.probes import Probe, ProbeMaker
from core.unlearning.reference.mllm.wordings import Use
from core.unlearning.types import Example, Split

USE: Use = "held_out_b"
DECLINED = "I do not know."
"""The answer recorded for questions without one: only refusal is measured there."""


def evaluation_examples(forgotten: Sequence[int], seed: int) -> list[Example]:
    """Examples of every split for one standard request. `seed` draws renderings and wordings."""
    make, people = ProbeMaker(USE, seed), world.known_people()
    forgotten_people = [people[i] for i in forgotten]
    retained = [people[i] for i in world.RETAIN_TRAIN]
    used = {*world.RETAIN_TRAIN, *world.RETAIN_VALIDATION, *forgotten}
    unseen = [p for p in people if p.index not in used]
    strangers = [p.code for p in world.never_trained_people()[:40]]
    names = world.unknown_names(USE)[:12]
    renderings = max(3, 12 // len(forgotten))
    return [
        *_memory(make, "forget_image_memory", "forget_text_memory", forgotten_people, renderings=6, times=3),
        *probe_examples("forget_understanding", make.understanding([p.code for p in forgotten_people], renderings)),
        *_memory(make, "retain_image_memory", "retain_text_memory", retained, renderings=2, times=2),
        *probe_examples("retain_understanding", make.understanding([p.code for p in retained], 3)),
        *_memory(make, "unseen_image_memory", "unseen_text_memory", unseen, renderings=2, times=2),
        *probe_examples("stranger_understanding", make.understanding(strangers, 1)),
        *probe_examples("declined", make.declined_pictures(strangers)),
        *(e for name in names for e in probe_examples("declined", make.declined_names([name]), name)),
        *probe_examples("general", [*make.shapes(40), *make.general()]),
    ]


def _memory(
    make: ProbeMaker, image: Split, text: Split, people: Sequence[Person], *, renderings: int, times: int
) -> Iterator[Example]:
    for person in people:
        yield from probe_examples(image, make.image_memory([person], renderings), person.name)
        yield from probe_examples(text, make.text_memory([person], times), person.name)


def probe_examples(split: Split, probes: Sequence[Probe], subject: str | None = None) -> list[Example]:
    """The probes as examples of one split."""
    return [Example(split, p.question, p.answer or DECLINED, p.image, subject) for p in probes]
