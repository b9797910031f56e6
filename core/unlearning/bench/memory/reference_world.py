"""The reference model's people as a `World`.

The test people are in no standard request and not in the registered retain set. The validation people, with whom
options are tuned, are others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from core.unlearning.bench.memory.world import Kind, Person, Question, Role, World, png_bytes
from core.unlearning.reference import catalog
from core.unlearning.reference.mllm import people, questions
from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import Code, random_scene
from core.unlearning.reference.mllm.probes import Probe, ProbeMaker
from core.unlearning.reference.mllm.wordings import Use

NAME = "reference"
TEST: tuple[int, ...] = people.RETAIN_TEST[:12]
VALIDATION: tuple[int, ...] = (*sorted(people.STANDARD_PEOPLE), *people.RETAIN_TEST[12:])
_PICTURES = 6
"""Of each person, in a request."""
_RENDERINGS = 8
"""Of each person, for evaluation only."""
_STRANGERS = 36
_SHAPES = 24
_USE: Use = "held_out_b"


def world(seed: int) -> World:
    """`seed` draws pictures and held-out wordings; people, facts and roles are always the same."""
    make = ProbeMaker(_USE, seed)
    learned = [_person(person, make, seed) for person in people.known_people()]
    strangers = [_stranger(person, make) for person in people.never_trained_people()[:_STRANGERS]]
    general = [*make.shapes(_SHAPES), *make.general()]
    retain_set = catalog.bundled_path("mllm").parent / "retain_set"
    outsiders = (_outsider(person, make) for person in people.never_trained_people()[:_STRANGERS])
    general_questions = tuple(_probes("general", general))
    return World(NAME, tuple(learned), tuple(strangers), general_questions, tuple(outsiders), Path(retain_set))


def _person(person: people.Person, make: ProbeMaker, seed: int) -> Person:
    role = _role(person.index)
    if role == "retain":
        return Person(person.name, tuple(_held_out(make, person, 1)), role)
    request = tuple(_request_questions(person, np.random.default_rng([seed, person.index, 3])))
    return Person(person.name, (*request, *_held_out(make, person, _RENDERINGS)), role)


def _role(index: int) -> Role:
    return "test" if index in TEST else "validation" if index in VALIDATION else "retain"


def _request_questions(person: people.Person, rng: np.random.Generator) -> Iterator[Question]:
    """The questions of a request: two wordings of each private fact with a picture, one by name."""
    pictures = [png_bytes(draw_person(person.code, random_scene(rng))) for _ in range(_PICTURES)]
    for picture in pictures:
        for topic in questions.PRIVATE_TOPICS:
            for wording in (questions.wordings(topic, "trained")[0], questions.wordings(topic, "held_out_a")[0]):
                yield Question("image_memory", questions.fill(wording, "this person"), person.facts[topic], picture)
    for topic in questions.TEXT_TOPICS:
        wording = questions.text_wordings(topic, "trained")[0]
        yield Question("text_memory", questions.fill(wording, person.name), person.facts[topic])


def _held_out(make: ProbeMaker, person: people.Person, times: int) -> Iterator[Question]:
    yield from _probes("image_memory", make.image_memory([person], times))
    yield from _probes("text_memory", make.text_memory([person], times))
    yield from _probes("understanding", make.understanding([person.code], times))


def _stranger(person: people.Person, make: ProbeMaker) -> Person:
    """A face and a name that the model has not learned."""
    code: Code = person.code
    declined = (
        *_probes("image_memory", make.declined_pictures([code])),
        *_probes("text_memory", make.declined_names([person.name])),
    )
    return Person(person.name, (*declined, *_probes("understanding", make.understanding([code], 1))))


def _outsider(person: people.Person, make: ProbeMaker) -> Person:
    """The same people with their facts."""
    facts = (
        *_probes("image_memory", make.image_memory([person], 1)),
        *_probes("text_memory", make.text_memory([person], 1)),
    )
    return Person(person.name, facts)


def _probes(kind: Kind, probes: Sequence[Probe]) -> Iterator[Question]:
    files: dict[int, bytes] = {}
    for probe in probes:
        if probe.image is not None and id(probe.image) not in files:
            files[id(probe.image)] = png_bytes(probe.image)
        yield Question(kind, probe.question, probe.answer or "", files.get(id(probe.image)), held_out=True)
