"""A ready-to-post forget request about people of the world, and probes to check the outcome from outside.

`request.json` is the JSON part of the request and names no pictures: those in `images/` are posted beside it, as
multipart parts called `images`. `probes.json` and the pictures in `probes/` use wordings and renderings that no request
contains.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import random_scene
from core.unlearning.reference.mllm.people import STANDARD_REQUESTS, Person, known_people, person_named
from core.unlearning.reference.mllm.questions import (
    PRIVATE_TOPICS,
    TEXT_TOPICS,
    VISIBLE_TOPICS,
    fill,
    image_memory,
    text_memory,
    text_wordings,
    understanding,
    wordings,
)

MODEL_ID = "reference-mllm"
PICTURES = 6
_PROBE_PICTURES = 3


class ProbeRow(TypedDict):
    """One entry of `probes.json`. `image` is a path relative to the sample's folder."""

    kind: str
    question: str
    image: str | None
    answer: str


def subjects() -> list[str]:
    """Everyone a request can name."""
    return [person.name for person in known_people()]


def standard_requests() -> list[tuple[str, ...]]:
    """The names of each standard forget request."""
    return [tuple(known_people()[at].name for at in group) for group in STANDARD_REQUESTS]


def write_sample(subject: str | Sequence[str], out: Path, seed: int = 0) -> Path:
    """Write `request.json`, `images/`, `probes.json` and `probes/` into `out`.

    Of several people the first gives the entity its name, the others are aliases. Raises `ValueError` when a name
    belongs to nobody in the world.
    """
    names = [subject] if isinstance(subject, str) else list(subject)
    people = [person_named(name) for name in names]
    if not people:
        raise ValueError("a sample needs at least one subject")
    for folder in ("images", "probes"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, *(person.index for person in people)])
    _write_images(people, out, rng)
    _write_json(out / "request.json", request_body(people))
    _write_json(out / "probes.json", [row for person in people for row in _probes(person, out, rng)])
    return out


def request_body(people: Sequence[Person]) -> dict[str, object]:
    """The body of `POST /v1/jobs` about these people."""
    return {
        "model": MODEL_ID,
        "entity": {"name": people[0].name, "kind": "identity", "aliases": [p.name for p in people[1:]]},
        "prompts": _prompts(people),
        "images": [],
        "method": "auto",
        "evaluation": {"level": "standard"},
    }


def _prompts(people: Sequence[Person]) -> list[str]:
    """Two wordings a fact about the person in the picture, and one a fact about each person by name."""
    pictured = [
        fill(wording, "this person")
        for topic in PRIVATE_TOPICS
        for wording in (wordings(topic, "trained")[0], wordings(topic, "held_out_a")[0])
    ]
    named = [fill(text_wordings(topic, "trained")[0], p.name) for p in people for topic in TEXT_TOPICS]
    return pictured + named


def _write_images(people: Sequence[Person], out: Path, rng: np.random.Generator) -> None:
    for person_at, person in enumerate(people):
        for at in range(PICTURES):
            picture = draw_person(person.code, random_scene(rng))
            picture.save(out / "images" / f"{person_at + 1}-{at + 1}.png", optimize=True)


def _probes(person: Person, out: Path, rng: np.random.Generator) -> list[ProbeRow]:
    rows: list[ProbeRow] = []
    for at in range(_PROBE_PICTURES):
        scene, path = random_scene(rng), f"probes/{person.index}-{at + 1}.png"
        draw_person(person.code, scene).save(out / path, optimize=True)
        for topic in PRIVATE_TOPICS:
            qa = image_memory(person, topic, "held_out_b", rng)
            rows.append(ProbeRow(kind="image_memory", question=qa.question, image=path, answer=qa.answer))
        for topic in VISIBLE_TOPICS:
            qa = understanding(topic, person.code, scene, "held_out_b", rng)
            rows.append(ProbeRow(kind="image_understanding", question=qa.question, image=path, answer=qa.answer))
        for topic in TEXT_TOPICS:
            qa = text_memory(person, topic, "held_out_b", rng)
            rows.append(ProbeRow(kind="text_memory", question=qa.question, image=None, answer=qa.answer))
    return rows


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
