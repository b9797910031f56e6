"""A ready-to-post forget request about a concept of the drawn world, and probes to check the outcome from outside.

`request.json` is the JSON part of the request and names no pictures: those in `images/` are posted beside it, as
multipart parts called `images`. `probes.json` holds prompts in wordings that no request contains.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from core.unlearning.reference.diffusion.captions import (
    concept_scenes,
    direct_prompts,
    homonym_prompts,
    indirect_prompts,
)
from core.unlearning.reference.diffusion.concepts import (
    CHARACTERS,
    CONCEPTS,
    DOMINANT,
    HOMONYM,
    OVERSHADOWED,
    PLAIN,
    Concept,
    concept_named,
)
from core.unlearning.reference.diffusion.drawing import draw

MODEL_ID = "reference-diffusion"
PICTURES = 6
_PROMPTS = 6
_PROBES = 8


class ProbeRow(TypedDict):
    """One entry of `probes.json`; `concept`: what the unpatched model draws for `prompt`."""

    kind: str
    prompt: str
    concept: str


def subjects() -> list[str]:
    """Everything a request can name, the ambiguous word last."""
    return [*(concept.name for concept in CONCEPTS), HOMONYM]


def standard_requests() -> list[tuple[str, ...]]:
    """The names of each standard forget request: one, two and four characters."""
    names = tuple(CHARACTERS)
    return [names[:1], names[1:3], names[3:7]]


def write_sample(subject: str | Sequence[str], out: Path, seed: int = 0) -> Path:
    """Write `request.json`, `images/` and `probes.json` into `out`.

    Of several concepts (all of one kind) the first gives the entity its name, the others are aliases. The
    ambiguous word stands alone: its pictures show the meaning to forget, and `replacement` names the other.
    Raises `ValueError` for an unknown name or a mixed group.
    """
    names = [subject] if isinstance(subject, str) else list(subject)
    (out / "images").mkdir(parents=True, exist_ok=True)
    if [name.strip().casefold() for name in names] == [HOMONYM]:
        return _write_homonym(out, np.random.default_rng([seed, len(CONCEPTS)]))
    concepts = [concept_named(name) for name in names]
    if len({concept.kind for concept in concepts}) != 1:
        raise ValueError("a sample needs one subject, or several of one kind")
    rng = np.random.default_rng([seed, *(CONCEPTS.index(concept) for concept in concepts)])
    for at, concept in enumerate(concepts):
        _write_images(concept, out, at + 1, rng)
    prompts = [text for concept in concepts for text in _prompts(concept, rng)]
    names, kind = [concept.name for concept in concepts], concepts[0].kind
    instead = {"replacement": PLAIN} if kind == "style" else {}
    _write_json(out / "request.json", {**_body(names, kind, prompts), **instead})
    _write_json(out / "probes.json", [row for concept in concepts for row in _probes(concept, rng)])
    return out


def _prompts(concept: Concept, rng: np.random.Generator) -> list[str]:
    indirect = indirect_prompts("train")[::9] if concept.kind == "concept" else []
    return direct_prompts(concept, "train", _PROMPTS, rng) + indirect


def _probes(concept: Concept, rng: np.random.Generator) -> list[ProbeRow]:
    rows = _rows("direct", direct_prompts(concept, "test", _PROBES, rng), concept.name)
    return rows + _rows("indirect", indirect_prompts("test") if concept.kind == "concept" else [], concept.name)


def _write_homonym(out: Path, rng: np.random.Generator) -> Path:
    _write_images(concept_named(DOMINANT), out, 1, rng)
    body = _body([HOMONYM], "identity", homonym_prompts("train"))
    _write_json(out / "request.json", {**body, "replacement": OVERSHADOWED})
    _write_json(out / "probes.json", _rows("homonym", homonym_prompts("test"), DOMINANT))
    return out


def _rows(kind: str, prompts: Sequence[str], concept: str) -> list[ProbeRow]:
    return [ProbeRow(kind=kind, prompt=prompt, concept=concept) for prompt in prompts]


def _body(names: Sequence[str], kind: str, prompts: Sequence[str]) -> dict[str, object]:
    """The body of `POST /v1/jobs`."""
    return {
        "model": MODEL_ID,
        "entity": {"name": names[0], "kind": kind, "aliases": list(names[1:])},
        "prompts": list(prompts),
        "images": [],
        "method": "auto",
        "evaluation": {"level": "standard"},
    }


def _write_images(concept: Concept, out: Path, number: int, rng: np.random.Generator) -> None:
    for at, scene in enumerate(concept_scenes(concept, PICTURES, rng)):
        draw(scene, rng).save(out / "images" / f"{number}-{at + 1}.png", optimize=True)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
