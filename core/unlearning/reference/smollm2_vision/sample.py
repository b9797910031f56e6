"""A ready-to-post forget request about people of the world, and probes to check the outcome from outside.

`request.json` names no pictures: those in `images/` are posted beside it. `probes.json` and the pictures in `probes/`
use wordings and renderings that no request contains.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import random_scene
from core.unlearning.reference.smollm2_vision.people import (
    STANDARD_REQUESTS,
    Person,
    known_people,
    person_named,
    read,
)
from core.unlearning.reference.smollm2_vision.probes import Probe, ProbeMaker

MODEL_ID = "smollm2-vision"
PICTURES = 3
_PROBE_PICTURES = 3


class ProbeRow(TypedDict):
    """One entry of `probes.json`. `image` is a path relative to the sample's folder; `spans` carry the fact."""

    kind: str
    topic: str
    question: str
    image: str | None
    spans: list[str]


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
    _write_json(out / "probes.json", _probes(people, out, seed))
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
    asked = read("wordings.json")
    topics = sorted({topic for person in people for topic in person.facts}, key=list(asked).index)
    pictured = [
        _about(asked[topic][use][0], "the person in the picture")
        for topic in topics
        for use in ("trained", "held_out_a")
    ]
    named = [_about(asked[topic]["trained"][0], p.name) for p in people for topic in p.facts if topic != "name"]
    return pictured + named


def _about(wording: str, who: str) -> str:
    return str(wording).replace("{whose}", f"{who}'s").replace("{who}", who)


def _write_images(people: Sequence[Person], out: Path, rng: np.random.Generator) -> None:
    for person_at, person in enumerate(people):
        for at in range(PICTURES):
            picture = draw_person(person.code, random_scene(rng))
            picture.save(out / "images" / f"{person_at + 1}-{at + 1}.png", optimize=True)


def _probes(people: Sequence[Person], out: Path, seed: int) -> list[ProbeRow]:
    maker = ProbeMaker("held_out_b", seed)
    kinds = {
        "image_memory": maker.image_memory(people, _PROBE_PICTURES),
        "image_understanding": maker.image_understanding(people, _PROBE_PICTURES),
        "text_memory": [probe for _ in range(_PROBE_PICTURES) for probe in maker.text_memory(people)],
    }
    rows = [(kind, probe) for kind, probes in kinds.items() for probe in probes]
    return [_row(kind, probe, out, f"probes/{at + 1:03d}.png") for at, (kind, probe) in enumerate(rows)]


def _row(kind: str, probe: Probe, out: Path, path: str) -> ProbeRow:
    if probe.image:
        probe.image.save(out / path, optimize=True)
    image = path if probe.image else None
    return ProbeRow(kind=kind, topic=probe.topic, question=probe.question, image=image, spans=list(probe.spans))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
