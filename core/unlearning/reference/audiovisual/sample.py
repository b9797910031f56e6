"""A ready-to-post forget request about people or a class of the audio-visual world, and probes to evaluate the result.

`request.json` is the JSON part of the request and names no files: those in `images/` and `audio/` are posted beside it,
as multipart parts. They are training examples. `probes.json` lists held-out ones, in `probes/`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from core.unlearning.reference.audiovisual.people import STANDARD_REQUESTS, people, person_named
from core.unlearning.reference.audiovisual.retain_set import image_name, picture_file, sound_file, sound_name
from core.unlearning.reference.audiovisual.rows import LABELS, DigitRow, of_part
from core.unlearning.types import Part

MODEL_ID = "reference-audiovisual"
FILES = 6
"""Pictures, and as many clips, of each person or class."""
_PROBES = 8


class ProbeRow(TypedDict):
    """One entry of `probes.json`: paths relative to the sample's folder, and the right label."""

    kind: str
    image: str
    audio: str
    label: str


def subjects() -> list[str]:
    """Everyone a request can name, then the classes."""
    return [*(person.name for person in people()), *LABELS]


def standard_requests() -> list[tuple[str, ...]]:
    """The names of each standard forget request."""
    return [tuple(people()[at].name for at in group) for group in STANDARD_REQUESTS]


def write_sample(subject: str | Sequence[str], out: Path, seed: int = 0) -> Path:
    """Write `request.json`, `images/`, `audio/`, `probes.json` and `probes/` into `out`.

    Of several people the first gives the entity its name, the others are aliases. Raises `ValueError` for a name that
    belongs to nobody and to no class, and for people and classes in one request.
    """
    names = [subject] if isinstance(subject, str) else list(subject)
    kind, names = _resolve(names)
    rng = np.random.default_rng([seed, *(subjects().index(name) for name in names)])
    for folder in ("images", "audio", "probes"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        for row in _sample_rows(name, "train", FILES, rng):
            (out / image_name(row)).write_bytes(picture_file(row.image()))
            (out / sound_name(row)).write_bytes(sound_file(row.sound()))
    _write_json(out / "request.json", request_body(kind, names))
    probes = [_probe("forgotten", row, out) for name in names for row in _sample_rows(name, "test", _PROBES, rng)]
    others = [row for row in of_part("test") if not {row.person.name, row.label} & set(names)]
    chosen = rng.choice(len(others), size=_PROBES * len(names), replace=False)
    _write_json(out / "probes.json", [*probes, *(_probe("kept", others[at], out) for at in chosen)])
    return out


def request_body(kind: str, names: Sequence[str]) -> dict[str, object]:
    """The body of `POST /v1/jobs` that asks to forget their pictures and to keep their sounds."""
    return {
        "model": MODEL_ID,
        "entity": {"name": names[0], "kind": kind, "aliases": list(names[1:])},
        "modalities": ["image"],
        "prompts": [],
        "images": [],
        "method": "auto",
        "evaluation": {"level": "standard"},
    }


def _resolve(names: Sequence[str]) -> tuple[str, list[str]]:
    if not names:
        raise ValueError("a sample needs at least one subject")
    if set(names) <= set(LABELS):
        return "class", list(names)
    return "identity", [person_named(name).name for name in names]


def _sample_rows(name: str, part: Part, count: int, rng: np.random.Generator) -> list[DigitRow]:
    rows = [row for row in of_part(part) if name in (row.person.name, row.label)]
    return [rows[at] for at in sorted(rng.choice(len(rows), size=min(count, len(rows)), replace=False))]


def _probe(kind: str, row: DigitRow, out: Path) -> ProbeRow:
    image, audio = f"probes/{row.id}.png", f"probes/{row.id}.flac"
    (out / image).write_bytes(picture_file(row.image()))
    (out / audio).write_bytes(sound_file(row.sound()))
    return ProbeRow(kind=kind, image=image, audio=audio, label=row.label)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
