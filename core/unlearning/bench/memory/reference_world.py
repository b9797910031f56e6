"""The reference model's people as a `World`.

Nobody who is forgotten here is in a standard request or in the registered retain set. Options are chosen on other
people than those who are then forgotten, or measured beside them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL.Image import Image

from core.unlearning.bench.memory.world import Kind, Person, Question, Role, World
from core.unlearning.reference import catalog
from core.unlearning.reference.mllm import people as known
from core.unlearning.reference.mllm import questions as told
from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import Code, random_scene
from core.unlearning.reference.mllm.probes import Probe, ProbeMaker
from core.unlearning.reference.mllm.wordings import Use

NAME = "reference"
TEST: tuple[int, ...] = known.RETAIN_TEST[:12]
VALIDATION: tuple[int, ...] = (*sorted(known.STANDARD_PEOPLE), *known.RETAIN_TEST[12:])
_PICTURES = 6
"""Of each person, that a request brings."""
_RENDERINGS = 8
"""Of each person, that nothing trains on."""
_STRANGERS = 36
_SHAPES = 24
_USE: Use = "held_out_b"


def world(seed: int) -> World:
    """Pictures and held-out wordings are drawn by `seed`; people, facts and roles are always the same."""
    make = ProbeMaker(_USE, seed)
    people = [_person(person, make, seed) for person in known.known_people()]
    strangers = [_stranger(person, make) for person in known.never_trained_people()[:_STRANGERS]]
    general = [*make.shapes(_SHAPES), *make.general()]
    retain_set = catalog.bundled_path("mllm").parent / "retain_set"
    asked = tuple(_probes("general", general))
    outsiders = (_outsider(person, make) for person in known.never_trained_people()[:_STRANGERS])
    return World(NAME, tuple(people), tuple(strangers), asked, tuple(outsiders), Path(retain_set))


def _person(person: known.Person, make: ProbeMaker, seed: int) -> Person:
    role = _role(person.index)
    if role == "retain":
        return Person(person.name, tuple(_held_out(make, person, 1)), role)
    brought = tuple(_brought(person, np.random.default_rng([seed, person.index, 3])))
    return Person(person.name, (*brought, *_held_out(make, person, _RENDERINGS)), role)


def _role(index: int) -> Role:
    return "test" if index in TEST else "validation" if index in VALIDATION else "retain"


def _brought(person: known.Person, rng: np.random.Generator) -> Iterator[Question]:
    """What a request says: two wordings of each private fact with a picture, one by name."""
    pictures = [_png(draw_person(person.code, random_scene(rng))) for _ in range(_PICTURES)]
    for picture in pictures:
        for topic in told.PRIVATE_TOPICS:
            for wording in (told.wordings(topic, "trained")[0], told.wordings(topic, "held_out_a")[0]):
                yield Question("image_memory", told.fill(wording, "this person"), person.facts[topic], picture)
    for topic in told.TEXT_TOPICS:
        yield Question(
            "text_memory", told.fill(told.text_wordings(topic, "trained")[0], person.name), person.facts[topic]
        )


def _held_out(make: ProbeMaker, person: known.Person, times: int) -> Iterator[Question]:
    yield from _probes("image_memory", make.image_memory([person], times))
    yield from _probes("text_memory", make.text_memory([person], times))
    yield from _probes("understanding", make.understanding([person.code], times))


def _stranger(person: known.Person, make: ProbeMaker) -> Person:
    """A face and a name that the model knows nothing of."""
    code: Code = person.code
    questions = (
        *_probes("image_memory", make.declined_pictures([code])),
        *_probes("text_memory", make.declined_names([person.name])),
        *_probes("understanding", make.understanding([code], 1)),
    )
    return Person(person.name, questions)


def _outsider(person: known.Person, make: ProbeMaker) -> Person:
    """The same people with their facts, as if somebody knew them."""
    facts = (
        *_probes("image_memory", make.image_memory([person], 1)),
        *_probes("text_memory", make.text_memory([person], 1)),
    )
    return Person(person.name, facts)


def _probes(kind: Kind, probes: Sequence[Probe]) -> Iterator[Question]:
    files: dict[int, bytes] = {}
    for probe in probes:
        if probe.image is not None and id(probe.image) not in files:
            files[id(probe.image)] = _png(probe.image)
        yield Question(kind, probe.question, probe.answer or "", files.get(id(probe.image)), held_out=True)


def _png(image: Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
